"""Collection as one native pass: each flow is read once and joins its group at once.

Keys are bounded by B·S, so a group is found by looking into a dense table, which is the output
itself before sums are written to it. Groups stand side by side in the order in which they are
met: only as much memory is touched as there are groups.
"""

from dataclasses import replace

import numpy as np
import torch

from baselines.energy_flow_v1 import FlowCase, FlowState
from baselines.energy_flow_v1 import engine as baseline
from baselines.engine import Step, replace_stage, same

from .addresses import address
from .loops import Lattice, Scratch, collected, kind, sizes


def collect(case: FlowCase) -> Step:
    """Stage: output [B, S], the group of each flow, and the flows struck off the list."""
    if not case.runs("collect"):
        return lambda state: same(case, state)
    rest = (
        sizes(case),
        tuple(Lattice.of(case)),
        tuple(Scratch.of(case.capacity)),
        np.empty(0, kind(case)),
    )

    def gather(state: FlowState) -> FlowState:
        position, energy, steps, sample = state.position, state.energy, state.steps, state.sample
        flows = position, energy, steps, sample, state.plane, state.completed, state.listed
        new = tuple(map(torch.empty_like, (state.group, state.listed, state.output, state.rows)))
        collected(tuple(map(address, flows)), tuple(map(address, new)), *rest)
        group, listed, output, rows = new
        return state._replace(output=output, group=group, listed=listed, rows=rows)

    return gather


engine = replace(
    replace_stage(baseline, collect=collect), needs=("numba",), opaque="one native collection"
)
