"""As proposed: unfolded patches in place of repeated kernels. Negative result: zeros at the rim."""

import torch.nn.functional as F
from torch import Tensor

from baselines.engine import replace_stage
from baselines.tensor_field_v1 import TensorCase
from baselines.tensor_field_v1 import engine as baseline
from optimizations.tensor_field_cached_kernels.implementation import Curvature, applied, entries


def patches(T: Tensor, wrapped: bool) -> Tensor:
    """The nine cells of each site's neighbourhood, [components, 9, Nx, Ny]; zeros at the rim,
    or the opposite edge where ``wrapped``."""
    Nx, Ny, D, D_out = T.shape
    image = T.permute(2, 3, 0, 1).reshape(D * D_out, 1, Nx, Ny)
    if wrapped:
        image = F.pad(image, (1, 1, 1, 1), mode="circular")
    unfolded = F.unfold(image, kernel_size=3, padding=0 if wrapped else 1)
    return unfolded.reshape(D * D_out, 9, Nx, Ny)


def curvature(case: TensorCase, wrapped: bool = False) -> Curvature:
    """∇²_g from patches: above 1, left 3, centre 4, right 5, below 7."""
    gx, gy = (float(g) for g in entries(case))

    def curved(T: Tensor) -> Tensor:
        Nx, Ny, D, D_out = T.shape
        p = patches(T, wrapped)
        total = gx * (p[:, 1] + p[:, 7]) + gy * (p[:, 3] + p[:, 5]) - 2 * (gx + gy) * p[:, 4]
        return total.reshape(D, D_out, Nx, Ny).permute(2, 3, 0, 1)

    return curved


engine = replace_stage(baseline, hamiltonian=applied(curvature))
