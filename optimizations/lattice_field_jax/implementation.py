"""The same step under `jax.jit`: XLA fuses shifts and sums into few loops.

A yardstick, not a proposal: the other compiler that one would try. Arrays go there and back
through DLPack, which copies nothing; XLA is held to one thread, as torch is while it is timed.
"""

import os

import torch

from baselines.engine import Step, replace, replace_stage
from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline

ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def one_threaded_jax():
    """The module, in double precision and on one thread."""
    os.environ.setdefault("XLA_FLAGS", ONE_THREAD)
    import jax  # late: it reads its flags at once, and not everybody has it

    jax.config.update("jax_enable_x64", True)
    return jax


def jitted(case: LatticeCase) -> Step:
    """The field stage, E⁺ = (2 − γ) E − (1 − γ) E_prev + dt² (c² L − χ² E)."""
    if case.order != 2:
        raise ValueError(f"order is {case.order}; allowed: 2")
    jax = one_threaded_jax()

    @jax.jit
    def expression(E, E_prev, chi):
        around = sum(jax.numpy.roll(E, by, axis) for axis in range(E.ndim) for by in (1, -1))
        force = (case.c / case.dx) ** 2 * (around - 2 * E.ndim * E) - chi * chi * E
        return (2 - case.gamma) * E - (1 - case.gamma) * E_prev + case.dt**2 * force

    def step(state: LatticeState) -> LatticeState:
        arrays = (jax.dlpack.from_dlpack(t) for t in (state.E, state.E_prev, state.chi))
        after = expression(*arrays).block_until_ready()
        return state._replace(E=torch.from_dlpack(after), E_prev=state.E)

    return step


engine = replace(replace_stage(baseline, field=jitted), needs=("jax",), opaque="XLA compiles it")
