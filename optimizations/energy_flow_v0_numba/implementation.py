"""Objects become rows of arrays once, and the collection is one native pass over them."""

from dataclasses import replace

import numpy as np
import torch

from baselines.energy_flow_v0 import CellCase, FlowState
from baselines.energy_flow_v0 import engine as baseline
from baselines.engine import Step, same
from optimizations.energy_flow_numba.addresses import address
from optimizations.energy_flow_numba.loops import (
    Lattice,
    Scratch,
    collected_by_cell,
    kind,
    sizes,
)
from optimizations.energy_flow_v0_scatter.implementation import adopt, collection_only


def stepper(case: CellCase) -> Step:
    """The collection; every other stage stands still where flows are given."""
    collection_only(case)
    slots, like = np.empty(case.cells, np.int32), np.empty(0, kind(case))
    rest = sizes(case), tuple(Lattice.of(case)), tuple(Scratch.of(case.capacity)), slots, like

    def gather(state: FlowState) -> FlowState:
        position, energy, steps, sample = state.position, state.energy, state.steps, state.sample
        flows = position, energy, steps, sample, state.distance, state.listed, state.active
        new = tuple(map(torch.empty_like, (state.group, state.output, state.rows)))
        collected_by_cell(tuple(map(address, flows)), tuple(map(address, new)), *rest)
        group, output, rows = new
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
