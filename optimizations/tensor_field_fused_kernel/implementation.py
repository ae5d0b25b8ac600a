"""Both second differences in one 3 × 3 kernel, weighted by the metric, and kept."""

from baselines.engine import replace_stage
from baselines.tensor_field_v1 import TensorCase
from baselines.tensor_field_v1 import engine as baseline
from optimizations.tensor_field_cached_kernels.implementation import (
    Curvature,
    applied,
    convolved,
    entries,
    kernel,
)


def curvature(case: TensorCase) -> Curvature:
    """∇²_g in one convolution: g[0] above and below, g[1] left and right."""
    gx, gy = (float(g) for g in entries(case))
    weights = kernel(case, ((0, gx, 0), (gy, -2 * (gx + gy), gy), (0, gx, 0)))
    return lambda T: convolved(T, weights)


engine = replace_stage(baseline, hamiltonian=applied(curvature))
