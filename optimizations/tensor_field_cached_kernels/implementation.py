"""As proposed: kernels made once, repeated over the components, in place of in every call."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.engine import Step, replace_stage
from baselines.tensor_field_v1 import TensorCase, TensorState
from baselines.tensor_field_v1 import engine as baseline
from baselines.tensor_field_v1.operators import ALONG, FLAT
from baselines.tensor_field_v1.potential import potential

Curvature = Callable[[Tensor], Tensor]  # T to ∇²_g T, both [Nx, Ny, D, D_out]


def kernel(case: TensorCase, weights) -> Tensor:
    """The weights as [components, 1, 3, 3]."""
    components = case.shape[2] * case.shape[3]
    return torch.tensor(weights, dtype=case.dtype).reshape(1, 1, 3, 3).repeat(components, 1, 1, 1)


def convolved(T: Tensor, weights: Tensor) -> Tensor:
    """The frozen convolution with a kernel that is given."""
    Nx, Ny, D, D_out = T.shape
    image = F.pad(T.permute(2, 3, 0, 1).reshape(1, -1, Nx, Ny), (1, 1, 1, 1), mode="circular")
    result = F.conv2d(image, weights, groups=D * D_out)
    return result.reshape(D, D_out, Nx, Ny).permute(2, 3, 0, 1)


def entries(case: TensorCase) -> tuple[Tensor, Tensor]:
    """The two entries of the metric that act, as frozen: 0-d, float64."""
    g = torch.tensor(case.metric or (1.0,), dtype=torch.float64)
    return g[0], g[1 if len(g) > 1 else 0]


def curvature(case: TensorCase) -> Curvature:
    """∇²_g as frozen, its kernels made once."""
    if case.metric is None:
        flat = kernel(case, FLAT)
        return lambda T: convolved(T, flat)
    (gx, gy), (x, y) = entries(case), (kernel(case, weights) for weights in ALONG)
    return lambda T: gx * convolved(T, x) + gy * convolved(T, y)


def applied(laplacian: Callable[[TensorCase], Curvature]) -> Callable[[TensorCase], Step]:
    """A builder of the stage that applies H, from a builder of ∇²_g."""

    def build(case: TensorCase) -> Step:
        V, curved = potential(case), laplacian(case)
        factor = -(case.hbar * case.hbar / (2 * case.m))

        def apply(state: TensorState) -> TensorState:
            H = factor * curved(state.T)
            return state._replace(H=H if V is None else H + V * state.T)

        return apply

    return build


engine = replace_stage(baseline, hamiltonian=applied(curvature))
