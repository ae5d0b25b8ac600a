"""The stages of a step as pure functions of JAX arrays, traced as one."""

from __future__ import annotations

import math

from baselines.probabilistic_field_v0.rules import (
    ACTIVITY,
    BAND,
    BOUND,
    CENSUS_CAP,
    CENSUS_EVERY,
    CONSUMPTION,
    CONSUMPTION_DENSE,
    DEATH_BELOW,
    DEATH_RATE,
    DEATH_REFUND,
    DENSITY_DENSE,
    DIFFUSION_GATE,
    DIFFUSIVITY,
    ENERGY_CAP,
    FLOW_DENSE,
    FLOW_RATE,
    METABOLISM,
    METABOLISM_FROM,
    MOBILITY,
    PEAK,
    PEAK_RATE,
    PEAKS_DENSE,
    POPULATED,
    SEEDING_GATE,
    SPAWN_COST,
    SPAWN_FROM,
    SPAWN_RATE,
)
from baselines.probabilistic_field_v1 import FieldCase
from optimizations.lattice_field_jax.implementation import one_threaded_jax

from .cells import bounded, fraction
from .workspace import pull, push_and_seed

jax = one_threaded_jax()
jnp = jax.numpy

AROUND = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]


def advance(case: FieldCase):
    """(E, R, P, w, frame, Σ E): E, R, w, two records, births and deaths of a step, compiled."""
    dt = case.dt

    @jax.jit
    def run(E, R, P, w, frame, total):
        E = diffuse(E, total, dt)
        E, moving, a = flow(E, R, P, dt)
        E, w = pull(case, E, w)
        E, w, r = push_and_seed(case, E, w)
        E, R, born, died = turn_over(E, R, moving, a >= DENSITY_DENSE, dt)
        E, g = consume(E, R, dt)
        E, k = damp(E, dt)
        taken = (total > DIFFUSION_GATE, a >= FLOW_DENSE, r > SEEDING_GATE, a > 0)
        taken += (a >= DENSITY_DENSE, g > 0, g >= CONSUMPTION_DENSE, k > 0, k >= PEAKS_DENSE)
        records = jnp.stack([a, r, g, k]), jnp.stack(taken).astype(jnp.int64)
        counted = frame % CENSUS_EVERY == 0
        counts = (jnp.where(counted, census(rate, dt), 0) for rate in (born, died))
        return E, R, metabolize(w, dt), *records, *counts

    return run


def diffuse(E, total, dt):
    """E after the decay of its waves, if it holds enough energy."""
    H, W = E.shape
    q = jnp.fft.fftfreq(H)[:, None] ** 2 + jnp.fft.rfftfreq(W) ** 2
    decay = jnp.exp(-DIFFUSIVITY * (2 * math.pi) ** 2 * dt * q).astype(E.dtype)

    def spread(E):
        return bounded(jnp.fft.irfft2(jnp.fft.rfft2(E) * decay, s=(H, W)))

    return jax.lax.cond(total > DIFFUSION_GATE, spread, lambda E: E, E)


def flow(E, R, P, dt):
    """E with its net flow, which cells move, and their fraction."""
    sent = bounded(R * E) * jnp.clip(1 + P, *MOBILITY)
    near = bounded(sum(jnp.roll(sent, by, (0, 1)) for by in AROUND) / 8)
    rate = FLOW_RATE * dt
    net = bounded(bounded(near * rate) - bounded(sent * rate))
    moving = jnp.abs(net) > ACTIVITY
    a = fraction(moving)
    return jnp.where(moving | (a >= FLOW_DENSE), bounded(E + net, 0, ENERGY_CAP), E), moving, a


def turn_over(E, R, moving, dense, dt):
    """E, R and the sums of both rates, in moving cells, or everywhere where it is dense."""
    here = moving | dense
    spawn = jnp.clip(SPAWN_RATE * (E - SPAWN_FROM), 0, BOUND)
    paid = bounded(E - SPAWN_COST * spawn * dt, 0, ENERGY_CAP)
    death = jnp.clip(DEATH_RATE * (DEATH_BELOW - jnp.where(dense, paid, E)), 0, BOUND)
    after = bounded(bounded(R + spawn * dt, 0, BOUND) - death * dt, 0, BOUND)
    refunded = bounded(paid + DEATH_REFUND * death * dt, 0, ENERGY_CAP)
    rates = (jnp.where(here, rate, 0).sum() for rate in (spawn, death))
    return jnp.where(here, refunded, E), jnp.where(here, after, R), *rates


def census(rate, dt):
    """Births or deaths of a whole interval at the present rate, int64."""
    rate = jnp.clip(rate.astype(jnp.float64), 0, CENSUS_CAP)
    return jnp.minimum(rate * CENSUS_EVERY * dt, CENSUS_CAP).astype(jnp.int64)


def consume(E, R, dt):
    """E less what density costs, and the fraction of cells with density."""
    populated = R > POPULATED
    g = fraction(populated)
    cost = jnp.where(populated | (g >= CONSUMPTION_DENSE), CONSUMPTION * dt * R, 0)
    return jnp.where(g > 0, bounded(E - cost, 0, ENERGY_CAP), E), g


def damp(E, dt):
    """E within its caps, with the excess over the peak decayed, and the fraction above it."""
    loss = PEAK_RATE * dt * jnp.maximum(E - PEAK, 0)
    return bounded(E - loss, 0, ENERGY_CAP), fraction(E > PEAK)


def metabolize(w, dt):
    """w less a little where above 30, within its band."""
    return jnp.clip(jnp.where(w > METABOLISM_FROM, w - METABOLISM * dt * w, w), *BAND)
