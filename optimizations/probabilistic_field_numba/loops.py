"""The sweeps over the field as native loops: flow, then births and deaths, then decay.

A step has to read back four counts before it may go on (moving, dark, populated and peaked
cells), so it cannot be a single sweep. One reads E, R and P and writes the net flow, one takes
it, spawns and dies, one consumes and damps. Products and sums stand in the frozen order, and
numba contracts no a·b + c. A finite state stays finite, so values are clamped and not asked
whether they are numbers; bounds that no value can reach are left out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from baselines.probabilistic_field_v1 import FieldCase

LOWEST, HIGHEST = -1e6, 1e6
# of functions that native code alone calls: to compile a way in from Python takes as long again
INNER = dict(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
inner = njit(**INNER)


class Numbers(NamedTuple):
    """Constants of a step, each rounded once to the field's type, as torch does."""

    low: float  # ±10⁶
    high: float
    zero: float
    one: float
    cap: float  # of energy
    eighth: float
    flow: float  # 0.15 dt
    activity: float
    least: float  # mobility
    most: float
    dt: float
    spawn_from: float
    spawn_rate: float
    spawn_cost: float
    death_rate: float
    refund: float
    consumption: float  # 0.02 dt
    populated: float
    peak: float
    damping: float  # 0.3 dt

    @classmethod
    def of(cls, case: FieldCase) -> Numbers:
        kind = np.dtype(str(case.dtype).removeprefix("torch.")).type
        dt = case.dt
        exact = cls(
            *(LOWEST, HIGHEST, 0.0, 1.0, 1000.0, 1 / 8),
            *(0.15 * dt, 0.01, 0.1, 2.0, dt),
            *(8.0, 0.1, 5.0, 0.2, 0.5),
            *(0.02 * dt, 0.001, 100.0, 0.3 * dt),
        )
        return cls(*(kind(x) for x in exact))


@inner
def clamped(x, low, high):
    """clamp(x, low, high), with selections that vectorize."""
    x = x if x > low else low
    return x if x < high else high


@inner
def sent(E, R, P, out, k):
    """out[1:-1] = what a row sends, R E M; its two ends hold the cyclic neighbours."""
    n = E.size
    for x in range(n):
        load = clamped(R[x] * E[x], k.low, k.high)
        out[x + 1] = load * clamped(k.one + P[x], k.least, k.most)
    out[0], out[n + 1] = out[n], out[1]


@inner
def net_row(up, here, down, net, k):
    """net = what arrives − what leaves.

    Counts are loops of their own: a 64-bit counter would narrow the vectors of this one.
    """
    for x in range(net.size):
        around = up[x] + up[x + 1] + up[x + 2] + here[x] + here[x + 2]
        around = around + down[x] + down[x + 1] + down[x + 2]
        net[x] = clamped(around * k.eighth, k.low, k.high) * k.flow - here[x + 1] * k.flow


@njit(**INNER, fastmath={"reassoc"})
def count_above(line, level, k):
    """How many values of a line exceed the level: up to 2²⁴ of them, each 1 of its own type, so
    that as many are counted at once as are compared; the order of such sums changes nothing."""
    above = k.zero
    for x in range(line.size):
        above += k.one if line[x] > level else k.zero
    return int(above)


@njit(**INNER, fastmath={"reassoc"})
def count_beyond(line, level, k):
    """How many exceed it in size."""
    beyond = k.zero
    for x in range(line.size):
        beyond += k.one if abs(line[x]) > level else k.zero
    return int(beyond)


@njit(cache=True, nogil=True)
def net_flow(E, R, P, net, k):
    """The net flow of every cell, and how many cells it moves."""
    H, W = E.shape
    up, here, down = np.empty(W + 2, E.dtype), np.empty(W + 2, E.dtype), np.empty(W + 2, E.dtype)
    sent(E[H - 1], R[H - 1], P[H - 1], up, k)
    sent(E[0], R[0], P[0], here, k)
    moving = 0
    for y in range(H):
        below = y + 1 if y + 1 < H else 0
        sent(E[below], R[below], P[below], down, k)
        net_row(up, here, down, net[y], k)
        moving += count_beyond(net[y], k.activity, k)
        up, here, down = here, down, up
    return moving


@inner
def take(E, net, dense, k):
    """E + net within its caps, in place, everywhere or in moving cells."""
    for x in range(E.size):
        after = clamped(E[x] + net[x], k.zero, k.cap)
        E[x] = after if dense or abs(net[x]) > k.activity else E[x]


@inner
def turn_over(E, R, net, everywhere, born, died, k):
    """Births and deaths of a row, in place.

    In the moving cells alone, or everywhere; there, deaths follow after births are paid.
    The rates are kept where asked for.
    """
    for x in range(E.size):
        e, r = E[x], R[x]
        spawn = clamped(k.spawn_rate * (e - k.spawn_from), k.zero, k.high)
        less = clamped(e - k.spawn_cost * spawn * k.dt, k.zero, k.cap)
        dying = less if everywhere else e
        death = clamped(k.death_rate * (k.one - dying), k.zero, k.high)
        more = clamped(r + spawn * k.dt, k.zero, k.high)
        more = clamped(more - death * k.dt, k.zero, k.high)
        less = clamped(less + k.refund * death * k.dt, k.zero, k.cap)
        here = everywhere or abs(net[x]) > k.activity
        E[x] = less if here else e
        R[x] = more if here else r
        if born is not None:
            born[x] = spawn if here else k.zero
            died[x] = death if here else k.zero


@njit(cache=True, nogil=True)
def advance(E, R, net, dense, everywhere, count, first, last, k):
    """Row by row: what is left to take, `turn_over`, populated cells; the sums of both rates.

    Rows first to last have taken their flow. Rates are summed only if counted.
    """
    births, deaths, populated = 0.0, 0.0, 0
    born, died = np.empty(E.shape[1], E.dtype), np.empty(E.shape[1], E.dtype)
    for y in range(E.shape[0]):
        if y < first or y >= last:
            take(E[y], net[y], dense, k)
        if count:
            turn_over(E[y], R[y], net[y], everywhere, born, died, k)
            for x in range(born.size):
                births += born[x]
                deaths += died[x]
        else:
            turn_over(E[y], R[y], net[y], everywhere, None, None, k)
        populated += count_above(R[y], k.populated, k)
    return births, deaths, populated


@njit(cache=True, nogil=True)
def take_rows(E, net, dense, k):
    """Flow into all rows."""
    for y in range(E.shape[0]):
        take(E[y], net[y], dense, k)


@njit(cache=True, nogil=True)
def populated_rows(R, k):
    """Populated cells."""
    populated = 0
    for y in range(R.shape[0]):
        populated += count_above(R[y], k.populated, k)
    return populated


@inner
def consume(E, R, everywhere, k):
    """Density costs a row energy, in place."""
    for x in range(E.size):
        cost = k.consumption * R[x]
        cost = cost if everywhere or R[x] > k.populated else k.zero
        E[x] = clamped(E[x] - cost, k.zero, k.cap)


@inner
def damp(E, k):
    """The excess over the peak energy of a row decays, in place."""
    for x in range(E.size):
        over = E[x] - k.peak
        over = over if over > k.zero else k.zero
        E[x] = clamped(E[x] - k.damping * over, k.zero, k.cap)


@njit(cache=True, nogil=True)
def decay_rows(E, R, everywhere, k):
    """Consumption, then damping, in place; how many cells are peaked in between."""
    peaked = 0
    for y in range(E.shape[0]):
        consume(E[y], R[y], everywhere, k)
        peaked += count_above(E[y], k.peak, k)
        damp(E[y], k)
    return peaked
