"""As proposed: the field stored channel-first, so that no call permutes it.

The working state holds T as [D, D_out, Nx, Ny] memory behind the canonical view of it.
"""

from dataclasses import replace

from torch import Tensor

from baselines.tensor_field_v1 import TensorCase, TensorState
from baselines.tensor_field_v1 import engine as baseline


def stored(T: Tensor) -> Tensor:
    """[Nx, Ny, D, D_out] over memory ordered as [D, D_out, Nx, Ny]."""
    return T.permute(2, 3, 0, 1).contiguous().permute(2, 3, 0, 1)


def adopt(case: TensorCase, state: TensorState) -> TensorState:
    return type(state)(*(stored(t) if t.ndim == 4 else t for t in state))


def observe(case: TensorCase, state: TensorState) -> TensorState:
    return type(state)(*(t.contiguous() for t in state))


engine = replace(baseline, adopt=adopt, observe=observe)
