"""As proposed: clean up at every second interval.

Sound where flows are rows: a cleanup strikes completed flows off a list that the collection
does not read, and the collection strikes them off as well.
"""

from dataclasses import replace

from baselines.energy_flow_v1 import FlowCase
from baselines.energy_flow_v1 import engine as baseline
from baselines.energy_flow_v1.parts import PARTS, Part, cleanup
from baselines.energy_flow_v1.travel import travel
from baselines.engine import Step, replace_stage


def rarer(case: FlowCase) -> Part:
    """The frozen cleanup at twice the interval."""
    return cleanup(replace(case, cleanup=2 * case.cleanup))


def journey(case: FlowCase) -> Step:
    return travel(case, parts=(*PARTS[:-1], rarer))


engine = replace_stage(baseline, travel=journey)
