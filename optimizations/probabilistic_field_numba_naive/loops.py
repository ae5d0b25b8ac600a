"""Flow, consumption and damping as loops over cells, one after another."""

from __future__ import annotations

import numpy as np
from numba import njit
from torch import Tensor

from baselines.probabilistic_field_v1 import FieldCase
from optimizations.probabilistic_field_numba.loops import Numbers, clamped, turn_over


@njit(cache=True, nogil=True)
def net_flow(E, R, P, sent, net, k):
    """net = what arrives − what leaves each cell of a torus; how many cells it moves."""
    H, W = E.shape
    moving = 0
    for y in range(H):
        for x in range(W):
            load = clamped(R[y, x] * E[y, x], k.low, k.high)
            sent[y, x] = load * clamped(k.one + P[y, x], k.least, k.most)
    for y in range(H):
        for x in range(W):
            up, down, left, right = y - 1, (y + 1) % H, x - 1, (x + 1) % W
            around = sent[up, left] + sent[up, x] + sent[up, right] + sent[y, left]
            around += sent[y, right] + sent[down, left] + sent[down, x] + sent[down, right]
            arriving = clamped(around * k.eighth, k.low, k.high) * k.flow
            net[y, x] = arriving - sent[y, x] * k.flow
            moving += abs(net[y, x]) > k.activity
    return moving


@njit(cache=True, nogil=True)
def consume(E, R, everywhere, k):
    """Density costs energy, in place."""
    for y in range(E.shape[0]):
        for x in range(E.shape[1]):
            if everywhere or R[y, x] > k.populated:
                E[y, x] = clamped(E[y, x] - k.consumption * R[y, x], k.zero, k.cap)
            else:
                E[y, x] = clamped(E[y, x], k.zero, k.cap)


@njit(cache=True, nogil=True)
def damp(E, k):
    """The excess over the peak energy decays, in place; how many cells are peaked before."""
    peaked = 0
    for y in range(E.shape[0]):
        for x in range(E.shape[1]):
            if E[y, x] > k.peak:
                E[y, x] = clamped(E[y, x] - k.damping * (E[y, x] - k.peak), k.zero, k.cap)
                peaked += 1
    return peaked


@njit(cache=True, nogil=True)
def turn_over_rows(E, R, net, everywhere, k):
    """Births and deaths of every row, in place."""
    for y in range(E.shape[0]):
        turn_over(E[y], R[y], net[y], everywhere, None, None, k)


@njit(cache=True, nogil=True)
def census_rows(E, R, net, everywhere, k):
    """The same, with the sums of both rates."""
    births, deaths = 0.0, 0.0
    born, died = np.empty(E.shape[1], E.dtype), np.empty(E.shape[1], E.dtype)
    for y in range(E.shape[0]):
        turn_over(E[y], R[y], net[y], everywhere, born, died, k)
        for x in range(born.size):
            births += born[x]
            deaths += died[x]
    return births, deaths


def field_loops(case: FieldCase):
    """Sweeps: (E, R, P, net): moving cells; (E, R, net, everywhere, count): births and deaths;
    (E, R, everywhere): peaked cells."""
    k = Numbers.of(case)
    sent = np.empty(case.shape, type(k.zero))

    def flow(E: Tensor, R: Tensor, P: Tensor, net: Tensor) -> int:
        return net_flow(E.numpy(), R.numpy(), P.numpy(), sent, net.numpy(), k)

    def turn(E: Tensor, R: Tensor, net: Tensor, everywhere: bool, count: bool):
        fields = (E.numpy(), R.numpy(), net.numpy())
        if count:
            return census_rows(*fields, everywhere, k)
        turn_over_rows(*fields, everywhere, k)
        return 0.0, 0.0

    def decay(E: Tensor, R: Tensor, everywhere: bool) -> int:
        consume(E.numpy(), R.numpy(), everywhere, k)
        return damp(E.numpy(), k)

    return flow, turn, decay
