"""Objects become rows of arrays once, and the collection is a dozen operations on all of them.

The grouping is the dictionary's: by cell alone, all samples and both planes together, written
in the row of the first flow by birth. That flow is the lowest row of its cell.
"""

from dataclasses import replace

import torch

from baselines.energy_flow_v0 import CellCase, FlowState
from baselines.energy_flow_v0 import engine as baseline
from baselines.energy_flow_v1.state import admitted
from baselines.engine import Step, same
from optimizations.energy_flow_scatter.implementation import (
    aggregates,
    quantiser,
    result_rows,
    strengths,
)


def adopt(case: CellCase, state: FlowState) -> FlowState:
    """The canonical state itself; flows are in its first rows, in the order of their birth.

    Raises:
        ValueError: a state that does not fit the case, or has a free row between flows.
    """
    state = admitted(case, state)
    held = state.id >= 0
    if (held[1:] > held[:-1]).any():
        raise ValueError("a free row lies before a flow; allowed: flows in the first rows")
    return state


def collection_only(case: CellCase) -> None:
    """Raise a ValueError where the step is more than the found collection of given flows."""
    if case.part != "collect" or not case.rules.keeps("distance"):
        raise ValueError(f"part is {case.part!r}; allowed: 'collect', distance as found")


def stepper(case: CellCase) -> Step:
    """The collection; every other stage stands still where flows are given."""
    collection_only(case)
    cell_of, device = quantiser(case), case.device
    number = torch.arange(case.capacity, device=device)
    offset = torch.arange(-1, case.cells, device=device)

    def gather(state: FlowState) -> FlowState:
        taken = state.listed > state.active
        key = cell_of(state.position).mul_(taken)
        strength = strengths(state.energy, state.distance, state.steps)
        value = aggregates(case.cells, key, state.energy, strength)
        first = torch.zeros_like(offset).scatter_reduce_(
            0, key, number, "amin", include_self=False
        )  # empty bins name row 0, and write their 0 to where no group is
        place = state.sample.index_select(0, first)
        output = torch.zeros_like(state.output).scatter_(0, place[None, 1:], value[None, 1:])
        written = place.mul_(case.cells).add_(offset)
        written[0] = -1
        return state._replace(
            output=output,
            group=written.index_select(0, key),
            rows=result_rows(case, taken, state.sample),
        )

    return gather


engine = replace(baseline, stepper=stepper, adopt=adopt, observe=same)
