"""The stencil as the first loops that one writes under `@njit`: site after site, a new array.

A yardstick, not a proposal: what numba gives before anybody thinks about lines or memory.
"""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from baselines.engine import replace, replace_stage
from baselines.tensor_field_v1 import TensorCase
from baselines.tensor_field_v1 import engine as baseline
from optimizations.tensor_field_cached_kernels.implementation import Curvature, applied, entries


@njit(cache=True, nogil=True)
def stencil(T, gx, gy, out):
    """out = Σ g[a] (S+ T + S− T − 2T), [Nx, Ny, numbers of a site]; index −1 is the last."""
    Nx, Ny, numbers = T.shape
    for x in range(Nx):
        for y in range(Ny):
            for n in range(numbers):
                t = T[x, y, n]
                along_x = T[x - 1, y, n] + T[(x + 1) % Nx, y, n] - (t + t)
                along_y = T[x, y - 1, n] + T[x, (y + 1) % Ny, n] - (t + t)
                out[x, y, n] = gx * along_x + gy * along_y


def looped(case: TensorCase) -> Curvature:
    """∇²_g T = Σ g[a] (S+ T + S− T − 2T)."""
    kind = np.dtype(str(case.dtype.to_real()).removeprefix("torch.")).type
    gx, gy = (kind(entry) for entry in entries(case))

    def curved(T: Tensor) -> Tensor:
        out = torch.empty_like(T, memory_format=torch.contiguous_format)
        real = (torch.view_as_real(field).flatten(2).numpy() for field in (T, out))
        stencil(next(real), gx, gy, next(real))
        return out

    return curved


engine = replace(
    replace_stage(baseline, hamiltonian=applied(looped)),
    needs=("numba",),
    opaque="one native kernel in H",
)
