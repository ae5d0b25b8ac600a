"""Objects become rows of arrays once, and the collection is one native pass over them."""

from dataclasses import replace

import torch

from baselines.energy_flow_v0 import CellCase, FlowState
from baselines.energy_flow_v0 import engine as baseline
from baselines.engine import Step, same
from optimizations.energy_flow_numba.loops import Lattice, Scratch, collected_by_cell
from optimizations.energy_flow_v0_scatter.implementation import adopt, collection_only

FLOWS = ("position", "energy", "steps", "sample", "distance", "listed", "active")


def stepper(case: CellCase) -> Step:
    """The collection; every other stage stands still where flows are given."""
    collection_only(case)
    lattice, scratch = Lattice.of(case), Scratch.of(case.batch * case.cells)
    first, found = (
        torch.empty(size, dtype=torch.int64).numpy() for size in (case.cells, case.capacity)
    )
    strength = torch.empty(case.capacity, dtype=torch.float64).numpy()
    as_found = case.rules.keeps("rows")

    def gather(state: FlowState) -> FlowState:
        flows = tuple(getattr(state, name).numpy() for name in FLOWS)
        group, output = torch.empty_like(state.group), torch.zeros_like(state.output)
        new = group.numpy(), output.numpy().reshape(-1)
        rest = case.width, case.cells, lattice, scratch, first, found, strength
        last = collected_by_cell(flows, *new, *rest)
        rows = torch.tensor(max(last, 0) + 1 if as_found else case.batch)
        return state._replace(output=output, group=group, rows=rows)

    return gather


engine = replace(
    baseline,
    stepper=stepper,
    adopt=adopt,
    observe=same,
    needs=("numba",),
    opaque="one native collection",
)
