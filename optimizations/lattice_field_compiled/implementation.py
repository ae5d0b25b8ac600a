"""The frozen expression as one compiled loop that writes over E_prev.

torch.compile fuses shifts, products and sums into a single pass. `dynamic=False`: a second
shape in the same process would otherwise switch to symbolic sizes and lose vectorisation.
"""

from dataclasses import replace

import torch
from torch import Tensor

from baselines.engine import Step, replace_stage
from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline
from baselines.lattice_field_v1.scheme import advance


def compiled(case: LatticeCase) -> Step:
    """The field stage, fused; E_prev is overwritten."""
    frozen = advance(case)

    def overwrite(E: Tensor, E_prev: Tensor, chi: Tensor) -> None:
        E_prev.copy_(frozen(LatticeState(E, E_prev, chi, E, E)).E)

    torch._dynamo.reset()
    fused = torch.compile(overwrite, dynamic=False, fullgraph=True)

    def step(state: LatticeState) -> LatticeState:
        fused(state.E, state.E_prev, state.chi)
        return state._replace(E=state.E_prev, E_prev=state.E)

    return step


engine = replace(
    replace_stage(baseline, field=compiled),
    in_place=True,
    needs=("compiler",),
    opaque="one compiled kernel a step",
)
