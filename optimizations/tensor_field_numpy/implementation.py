"""The stencil as NumPy users write it: `np.roll` for the neighbours, one sum.

A yardstick, not a proposal: what one gets by leaving torch for NumPy in the part that costs most.
"""

import numpy as np
import torch
from torch import Tensor

from baselines.engine import replace, replace_stage
from baselines.tensor_field_v1 import TensorCase
from baselines.tensor_field_v1 import engine as baseline
from optimizations.tensor_field_cached_kernels.implementation import Curvature, applied, entries


def rolled(case: TensorCase) -> Curvature:
    """∇²_g T = Σ g[a] (S+ T + S− T − 2T)."""
    g = [float(entry) for entry in entries(case)]

    def curved(T: Tensor) -> Tensor:
        field, total = T.numpy(), -2 * sum(g) * T.numpy()
        for axis, weight in enumerate(g):
            total += weight * (np.roll(field, 1, axis) + np.roll(field, -1, axis))
        return torch.from_numpy(total)

    return curved


engine = replace(replace_stage(baseline, hamiltonian=applied(rolled)), opaque="NumPy inside")
