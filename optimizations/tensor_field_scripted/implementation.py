"""As proposed: torch.jit.script around the operator, kernels and all."""

import warnings

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.engine import replace_stage
from baselines.tensor_field_v1 import TensorCase
from baselines.tensor_field_v1 import engine as baseline
from baselines.tensor_field_v1.operators import ALONG, FLAT
from optimizations.tensor_field_cached_kernels.implementation import Curvature, applied, entries


def convolved(T: Tensor, weights: Tensor) -> Tensor:
    Nx, Ny, D, D_out = T.shape
    image = T.permute(2, 3, 0, 1).reshape(1, D * D_out, Nx, Ny)
    padded = F.pad(image, [1, 1, 1, 1], mode="circular")
    kernel = weights.to(T.dtype).reshape(1, 1, 3, 3).repeat(D * D_out, 1, 1, 1)
    result = F.conv2d(padded, kernel, groups=D * D_out)
    return result.reshape(D, D_out, Nx, Ny).permute(2, 3, 0, 1)


def curved(T: Tensor, x: Tensor, y: Tensor, gx: Tensor, gy: Tensor) -> Tensor:
    return gx * convolved(T, x) + gy * convolved(T, y)


def scripted(function):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch: use torch.compile
        return torch.jit.script(function)


def curvature(case: TensorCase) -> Curvature:
    """∇²_g as frozen, through the script compiler."""
    if case.metric is None:
        compiled, weights = scripted(convolved), torch.tensor(FLAT)
        return lambda T: compiled(T, weights)
    compiled, (x, y), (gx, gy) = scripted(curved), map(torch.tensor, ALONG), entries(case)
    return lambda T: compiled(T, x, y, gx, gy)


engine = replace_stage(baseline, hamiltonian=applied(curvature))
