"""The workspace as loops over nodes: each finds its cell by index, once for each offset.

What nodes read is read by all of them before any of them writes, as they may share cells.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from baselines.probabilistic_field_v0.rules import LOOK_UP, SEED_REACH, SEEDING_GATE
from baselines.probabilistic_field_v1 import FieldCase, FieldState, runs
from optimizations.probabilistic_field_numba.loops import clamped
from optimizations.probabilistic_field_numba.nodes import rates, settle


@njit(cache=True, nogil=True)
def cell(E, w, i, j, dy, dx):
    """The cell that a node looks at, shifted; both kept on the grid."""
    (H, W), h = E.shape, w.shape[0]
    y, x = max(H - h + i - LOOK_UP, 0), min(j, W - 1)
    return min(max(y + dy, 0), H - 1), min(max(x + dx, 0), W - 1)


@njit(cache=True, nogil=True)
def give(E, amount, dy, dx, k):
    """Each node adds an amount to its cell, in place; then the cells are bounded."""
    for i in range(amount.shape[0]):
        for j in range(amount.shape[1]):
            E[cell(E, amount, i, j, dy, dx)] += amount[i, j]
    for i in range(amount.shape[0]):
        for j in range(amount.shape[1]):
            at = cell(E, amount, i, j, dy, dx)
            E[at] = clamped(E[at], k.low, k.high)


@njit(cache=True, nogil=True)
def pull(E, w, amount, k):
    """Each node takes its part of the cell that it looks at, in place."""
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            there = clamped(E[cell(E, w, i, j, 0, 0)], k.low, k.high)
            taken = clamped(k.pull * there, k.low, k.high)
            w[i, j] = clamped(w[i, j] + taken, k.low, k.high)
            amount[i, j] = -taken
    give(E, amount, 0, 0, k)


@njit(cache=True, nogil=True)
def darkness(E, w, k):
    """How many nodes look at a dark cell."""
    dark = 0
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            dark += E[cell(E, w, i, j, 0, 0)] < k.dark
    return dark


@njit(cache=True, nogil=True)
def push(E, w, amount, rate, k):
    """Each node gives to its cell, in place; it pays later."""
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            amount[i, j] = clamped(w[i, j] * rate, k.low, k.high)
    give(E, amount, 0, 0, k)


@njit(cache=True, nogil=True)
def seed(E, w, held, amount, weights, k):
    """Offset after offset, gifts to cells that are dark by then, in place; nodes pay."""
    reach = range(-SEED_REACH, SEED_REACH + 1)
    for dy in reach:
        for dx in reach:
            if dy == 0 and dx == 0:
                continue
            for i in range(w.shape[0]):
                for j in range(w.shape[1]):
                    gift = held[i, j] * k.seed * weights[abs(dy) + abs(dx)] * k.share
                    dark = E[cell(E, w, i, j, dy, dx)] < k.dark
                    amount[i, j] = gift if dark else k.zero
                    w[i, j] -= amount[i, j]
            give(E, amount, dy, dx, k)


def workspace(case: FieldCase):
    """(state): E, w and the dark fraction after pull, push and seeding, in place."""
    k, draws = rates(case), runs(case, "pull")
    kind = type(k.zero)
    weights = np.array([1 / (1 + d) for d in range(2 * SEED_REACH + 1)], kind)
    held, amount = (np.empty(case.workspace, kind) for _ in range(2))

    def run(state: FieldState):
        E, w = state.E.numpy(), state.w.numpy()
        if draws:
            pull(E, w, amount, k)
        r = float(kind(darkness(E, w, k)) / kind(w.size))
        rate = kind(0.1 * case.dt + (0.5 - 0.1) * case.dt * r)
        held[:] = w
        push(E, w, amount, rate, k)
        if r > SEEDING_GATE:
            seed(E, w, held, amount, weights, k)
        settle(w, held, rate, k)
        return state.E, state.w, r

    return run
