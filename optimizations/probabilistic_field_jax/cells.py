"""Fractions, bounds, and nodes that give to cells they may share."""

from __future__ import annotations

from baselines.probabilistic_field_v0.rules import BOUND
from optimizations.lattice_field_jax.implementation import one_threaded_jax

jax = one_threaded_jax()
jnp = jax.numpy


def fraction(mask, kind=jnp.float64):
    """The part of the cells for which the mask holds."""
    size = jax.lax.optimization_barrier(jnp.asarray(mask.size, kind))
    return mask.sum().astype(kind) / size  # by a constant XLA would multiply by its inverse


def bounded(x, low=-BOUND, high=BOUND):
    """clamp(x, low, high) where x is finite, 0 elsewhere."""
    return jnp.where(jnp.isfinite(x), jnp.clip(x, low, high), 0)


def given(E, cells, amount):
    """E with an amount added to each cell, shared cells take all, and the results bounded."""
    E = E.at[cells].add(amount)
    return E.at[cells].set(bounded(E[cells]))
