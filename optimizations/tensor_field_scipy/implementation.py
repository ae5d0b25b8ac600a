"""The stencil by `scipy.ndimage.correlate1d`, axis after axis.

A yardstick, not a proposal: the first thing one finds when one looks for a stencil in a library.
"""

import torch
from scipy import ndimage
from torch import Tensor

from baselines.engine import replace, replace_stage
from baselines.tensor_field_v1 import TensorCase
from baselines.tensor_field_v1 import engine as baseline
from optimizations.tensor_field_cached_kernels.implementation import Curvature, applied, entries


def filtered(case: TensorCase) -> Curvature:
    """∇²_g T = Σ g[a] L_a T, each L_a a filter of three weights."""
    g = [float(entry) for entry in entries(case)]

    def curved(T: Tensor) -> Tensor:
        field = T.numpy()
        parts = [
            ndimage.correlate1d(field, [weight, -2 * weight, weight], axis, mode="wrap")
            for axis, weight in enumerate(g)
        ]
        return torch.from_numpy(parts[0] + parts[1])

    return curved


engine = replace(replace_stage(baseline, hamiltonian=applied(filtered)), opaque="SciPy inside")
