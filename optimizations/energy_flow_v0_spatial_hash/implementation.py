"""As proposed: a spatial hash of flow ids, filled whenever flows are updated.

No question about neighbours exists anywhere in the engine, so nothing reads the table. As
written it is never cleared, and a flow that moves stays in its old cells as well.
"""

from torch import Tensor

from baselines.energy_flow_v0 import CellCase, Population
from baselines.energy_flow_v0 import engine as baseline
from baselines.energy_flow_v0.parts import PARTS, Part, update
from baselines.energy_flow_v0.proposal import MOVING, Motion
from baselines.energy_flow_v0.travel import travel
from baselines.engine import Step, replace_stage


class SpatialHash:
    """Ids of flows by cell of a cubic grid over the lattice."""

    def __init__(self, case: CellCase):
        self.side = max(case.width, case.height, case.depth)
        self.grid: dict[tuple[int, ...], list[int]] = {}

    def key(self, position: Tensor) -> tuple[int, ...]:
        """The cell, by truncation."""
        return tuple(((position + 1) * 0.5 * (self.side - 1)).long().numpy())

    def insert(self, id: int, position: Tensor) -> None:
        self.grid.setdefault(self.key(position), []).append(id)


def hashed(case: CellCase) -> Part:
    """The frozen update, then every flow that moved inserted one by one."""
    frozen, table = update(case), SpatialHash(case)

    def write(population: Population, motion: Motion) -> Population:
        population = frozen(population, motion)
        for place, flow in enumerate(motion.flows):
            if motion.reasons[place] == MOVING:
                table.insert(flow.id, motion.after[place])
        return population

    return write


def journey(case: CellCase) -> Step:
    parts = tuple(hashed if part is update else part for part in PARTS)
    return travel(case, parts=parts)


engine = replace_stage(baseline, travel=journey)
