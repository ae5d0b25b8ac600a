"""The step under `jax.jit`, all stages but the first as one compiled function.

A yardstick, not a proposal: the other compiler that one would try. What the frozen engine decides
on the host is decided by XLA here, so no stage waits for a number.
"""

import torch

from baselines.engine import Step, replace, same
from baselines.probabilistic_field_v0.senses import inject
from baselines.probabilistic_field_v1 import FieldCase, FieldState
from baselines.probabilistic_field_v1 import engine as baseline
from baselines.probabilistic_field_v1.rules import CORRECTED
from optimizations.lattice_field_jax.implementation import one_threaded_jax

READ = ("E", "R", "P", "w", "frame")
WRITTEN = ("E", "R", "w", "sum_E", "fractions", "branches", "born", "died")


def jitted(case: FieldCase) -> Step:
    """The step: the frozen stage that shows an image, then everything else compiled."""
    jax = one_threaded_jax()
    from .stages import advance  # late: not everybody has jax

    show, run = inject(CORRECTED, case), advance(case)

    def step(state: FieldState) -> FieldState:
        state = show(state)
        arrays = (jax.dlpack.from_dlpack(getattr(state, name)) for name in READ)
        after = jax.block_until_ready(run(*arrays))
        new = dict(zip(WRITTEN, map(torch.from_dlpack, after), strict=True))
        spawns, deaths = state.spawns + new.pop("born"), state.deaths + new.pop("died")
        return state._replace(frame=state.frame + 1, spawns=spawns, deaths=deaths, **new)

    return step


engine = replace(
    baseline,
    stepper=jitted,
    adopt=same,
    observe=same,
    needs=("jax",),
    opaque="XLA compiles it",
)
