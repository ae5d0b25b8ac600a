"""The step under `jax.jit`, all stages but the one that shows an image as one function.

A yardstick, not a proposal: the other compiler that one would try. What the frozen engine decides
on the host is decided by XLA here, so no stage waits for a number.
"""

import torch

from baselines.engine import Step, replace, same
from baselines.probabilistic_field_v0.rules import DIFFUSION_GATE, SEEDING_GATE
from baselines.probabilistic_field_v0.senses import inject
from baselines.probabilistic_field_v0.state import decide, measure
from baselines.probabilistic_field_v1 import FieldCase, FieldState, part
from baselines.probabilistic_field_v1 import engine as baseline
from baselines.probabilistic_field_v1.rules import CORRECTED
from optimizations.lattice_field_jax.implementation import one_threaded_jax

READ = ("E", "R", "P", "w", "frame", "sum_E")
WRITTEN = ("E", "R", "w", "fractions", "branches", "born", "died")


def jitted(case: FieldCase) -> Step:
    """The step, or the one stage that the case makes."""
    return {"step": whole, "seeding": seeding_alone, "diffusion": diffusion_alone}[part(case)](case)


def seeding_alone(case: FieldCase) -> Step:
    """Push and seeding, compiled."""
    jax = one_threaded_jax()
    from .workspace import push_and_seed

    run = jax.jit(lambda E, w: push_and_seed(case, E, w))

    def step(state: FieldState) -> FieldState:
        arrays = (jax.dlpack.from_dlpack(field) for field in (state.E, state.w))
        E, w, r = map(torch.from_dlpack, jax.block_until_ready(run(*arrays)))
        return state._replace(
            E=E,
            w=w,
            fractions=measure(state, inactive=float(r)),
            branches=decide(state, seeded=float(r) > SEEDING_GATE),
        )

    return step


def diffusion_alone(case: FieldCase) -> Step:
    """The diffusion, compiled, the field summed as frozen."""
    jax = one_threaded_jax()
    from .stages import diffuse

    run = jax.jit(lambda E, total: diffuse(E, total, case.dt))

    def step(state: FieldState) -> FieldState:
        total = state.E.sum().double()
        E = jax.block_until_ready(run(*map(jax.dlpack.from_dlpack, (state.E, total))))
        return state._replace(
            E=torch.from_dlpack(E),
            sum_E=total,
            branches=decide(state, diffused=float(total) > DIFFUSION_GATE),
        )

    return step


def whole(case: FieldCase) -> Step:
    """The step: the image shown and the field summed as frozen, then everything else compiled."""
    jax = one_threaded_jax()
    from .stages import advance  # late: not everybody has jax

    show, run = inject(CORRECTED, case), advance(case)

    def step(state: FieldState) -> FieldState:
        state = show(state)
        # torch's sum: the record leaves no room for another order
        state = state._replace(sum_E=state.E.sum().double())
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
