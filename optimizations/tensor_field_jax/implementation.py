"""The stencil under `jax.jit`: XLA fuses shifts and sums into few loops.

A yardstick, not a proposal: the other compiler that one would try.
"""

import torch
from torch import Tensor

from baselines.engine import replace, replace_stage
from baselines.tensor_field_v1 import TensorCase
from baselines.tensor_field_v1 import engine as baseline
from optimizations.lattice_field_jax.implementation import one_threaded_jax
from optimizations.tensor_field_cached_kernels.implementation import Curvature, applied, entries


def jitted(case: TensorCase) -> Curvature:
    """∇²_g T = Σ g[a] (S+ T + S− T − 2T)."""
    jax, g = one_threaded_jax(), [float(entry) for entry in entries(case)]

    @jax.jit
    def expression(T):
        roll = jax.numpy.roll
        around = (weight * (roll(T, 1, a) + roll(T, -1, a)) for a, weight in enumerate(g))
        return sum(around) - 2 * sum(g) * T

    def curved(T: Tensor) -> Tensor:
        return torch.from_dlpack(expression(jax.dlpack.from_dlpack(T)).block_until_ready())

    return curved


engine = replace(
    replace_stage(baseline, hamiltonian=applied(jitted)), needs=("jax",), opaque="XLA compiles it"
)
