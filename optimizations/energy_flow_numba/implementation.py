"""Collection as one native pass: each flow is read once, and no group is ever formed.

Keys are bounded by B·S, so highest strength and sums stand in dense buffers made once; only
places that a flow points at are cleared, read or written. What is handed back is new.
"""

from dataclasses import replace

import torch

from baselines.energy_flow_v1 import FlowCase, FlowState
from baselines.energy_flow_v1 import engine as baseline
from baselines.engine import Step, replace_stage, same

from .loops import Lattice, Scratch, collected

FLOWS = ("position", "energy", "steps", "sample", "plane", "completed")


def collect(case: FlowCase) -> Step:
    """Stage: output [B, S], the group of each flow, and the flows struck off the list."""
    if not case.runs("collect"):
        return lambda state: same(case, state)
    lattice, scratch = Lattice.of(case), Scratch.of(case.batch * case.cells)
    found = torch.empty(case.capacity, dtype=torch.int64).numpy()
    strength = torch.empty(case.capacity, dtype=torch.float64).numpy()
    as_found = case.rules.keeps("rows")

    def gather(state: FlowState) -> FlowState:
        flows = tuple(getattr(state, name).numpy() for name in FLOWS)
        group, listed = torch.empty_like(state.group), state.listed.clone()
        output = torch.zeros_like(state.output)
        new = group.numpy(), listed.numpy(), output.numpy().reshape(-1)
        last = collected(flows, *new, case.width, case.cells, lattice, scratch, found, strength)
        rows = torch.tensor(max(last, 0) + 1 if as_found else case.batch)
        return state._replace(output=output, group=group, listed=listed, rows=rows)

    return gather


engine = replace(
    replace_stage(baseline, collect=collect), needs=("numba",), opaque="one native collection"
)
