"""As proposed: clean up at every second interval, popping the completed from a list of pairs.

Negative result. In a dictionary of flows cleanup deletes completed flows that were not yet
collected, so how often it runs decides what is collected.
"""

from baselines.energy_flow_v0 import CellCase, Population
from baselines.energy_flow_v0 import engine as baseline
from baselines.energy_flow_v0.parts import PARTS, Part
from baselines.energy_flow_v0.proposal import Motion
from baselines.energy_flow_v0.travel import travel
from baselines.engine import Step, replace_stage


def rarer(case: CellCase) -> Part:
    """The cleanup as proposed."""

    def write(population: Population, motion: Motion) -> Population:
        del motion
        clock = population.clock + 1
        if clock % (2 * case.cleanup) == 0:
            done = [(id, flow) for id, flow in population.flows.items() if not flow.active]
            for id in [id for id, _ in done]:
                population.flows.pop(id, None)
        return population._replace(clock=clock)

    return write


def journey(case: CellCase) -> Step:
    return travel(case, parts=(*PARTS[:-1], rarer))


engine = replace_stage(baseline, travel=journey)
