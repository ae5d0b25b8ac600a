"""As proposed: delete with ``pop`` and a default instead of ``del``.

The keys come from the same dictionary, so the default guards against nothing; it is the
same loop under another name.
"""

from baselines.energy_flow_v0 import CellCase, Population
from baselines.energy_flow_v0 import engine as baseline
from baselines.energy_flow_v0.parts import PARTS, Part
from baselines.energy_flow_v0.proposal import Motion
from baselines.energy_flow_v0.travel import travel
from baselines.engine import Step, replace_stage


def popping(case: CellCase) -> Part:
    """The frozen cleanup, deleting with pop."""

    def write(population: Population, motion: Motion) -> Population:
        del motion
        clock = population.clock + 1
        if clock % case.cleanup == 0:
            for id in [id for id, flow in population.flows.items() if not flow.active]:
                population.flows.pop(id, None)
        return population._replace(clock=clock)

    return write


def journey(case: CellCase) -> Step:
    return travel(case, parts=(*PARTS[:-1], popping))


engine = replace_stage(baseline, travel=journey)
