"""The workspace on JAX arrays. Seeding scans its 24 offsets one after another, as frozen."""

from __future__ import annotations

from baselines.probabilistic_field_v0.rules import (
    BAND,
    INACTIVE,
    LOOK_UP,
    PULL_RATE,
    PUSH_RATE,
    PUSH_RATE_INACTIVE,
    REST,
    SEED_RATE,
    SEED_SHARE,
    SEEDING_GATE,
)
from baselines.probabilistic_field_v0.workspace import offsets
from baselines.probabilistic_field_v1 import FieldCase
from optimizations.lattice_field_jax.implementation import one_threaded_jax

from .cells import bounded, fraction, given

jax = one_threaded_jax()
jnp = jax.numpy


def below(case: FieldCase, dy=0, dx=0):
    """Rows [h, 1] and columns [columns] of the cells that the nodes look at, shifted."""
    (H, W), (h, columns) = case.shape, case.workspace
    y = (jnp.arange(H - h, H) - LOOK_UP).clip(0, H - 1)
    x = jnp.arange(columns).clip(0, W - 1)
    return (y + dy).clip(0, H - 1)[:, None], (x + dx).clip(0, W - 1)


def pull(case: FieldCase, E, w):
    """E and w after each node took 2 dt of the energy of its cell."""
    under = below(case)
    taken = bounded(PULL_RATE * case.dt * bounded(E[under]))
    return given(E, under, -taken), bounded(w + taken)


def push_and_seed(case: FieldCase, E, w):
    """E and w after the push, and after seeding where most cells are dark; their fraction."""
    under, dt = below(case), case.dt
    r = fraction(E[under] < INACTIVE, E.dtype).astype(jnp.float64)
    rate = (PUSH_RATE * dt + (PUSH_RATE_INACTIVE - PUSH_RATE) * dt * r).astype(E.dtype)
    u = jnp.where(jnp.isfinite(w), w, 0)
    push = bounded(u * rate)
    E = given(E, under, push)
    s = u * (SEED_RATE * dt)
    E, w = jax.lax.cond(
        r > SEEDING_GATE, lambda E, w: seed(case, E, w, s), lambda E, w: (E, w), E, w
    )
    w = bounded(w - push)
    return E, jnp.where(jnp.isfinite(w), jnp.clip(w, *BAND), REST), r


def seed(case: FieldCase, E, w, s):
    """E and w after gifts, offset after offset, to cells that are dark by then."""

    def give(fields, offset):
        (E, w), (dy, dx, weight) = fields, offset
        there = below(case, dy, dx)
        gift = jnp.where(E[there] < INACTIVE, s * weight * SEED_SHARE, 0)
        return (given(E, there, gift), w - gift), None

    dy, dx, weights = (jnp.array(column) for column in zip(*offsets(), strict=True))
    return jax.lax.scan(give, (E, w), (dy, dx, weights.astype(E.dtype)))[0]
