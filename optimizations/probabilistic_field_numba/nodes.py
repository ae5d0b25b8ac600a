"""The workspace as native loops: nodes on a block of cells pull, push and seed in place.

The frozen engine goes through 24 offsets one after another, each a gather and a scatter over
all nodes. What a cell becomes depends on its own value and its donors alone, so the order may
be turned inside out, cell row after cell row, if each cell meets its donors, and each node its
cells, in the order of the offsets. Rows of cells from above, and in each of them offsets from
above, do both. The five offsets that lead from one row of nodes to one row of cells are one pass:
a cell meets its donors in a register and notes as bits which of them found it dark; then nodes pay.
Cells at the left and right edge, where clamping makes nodes meet, are taken donor by donor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit
from torch import Tensor

from baselines.probabilistic_field_v1 import FieldCase, FieldState, runs
from optimizations.probabilistic_field_blocked.stepping import REACH, strip

from .loops import clamped

NONE, FIRST, SECOND, THIRD, FOURTH, FIFTH = (np.int32(1 << j >> 1) for j in range(6))


class Rates(NamedTuple):
    """Constants of the workspace, each rounded once to the field's type."""

    low: float
    high: float
    zero: float
    pull: float  # 2 dt; 0 where the step is seeding alone
    dark: float  # energy below which a cell is inactive
    seed: float  # 0.2 dt
    share: float
    floor: float  # band of a node's energy
    ceiling: float
    metabolism: float  # 0.01 dt
    awake: float


def rates(case: FieldCase) -> Rates:
    """Rounded to the type of the case."""
    kind = np.dtype(str(case.dtype).removeprefix("torch.")).type
    pull = 2.0 * case.dt if runs(case, "pull") else 0.0
    exact = (-1e6, 1e6, 0.0, pull, 1.0, 0.2 * case.dt, 0.1, 20.0, 200.0)
    return Rates(*(kind(x) for x in (*exact, 0.01 * case.dt, 30.0)))


@njit(cache=True, nogil=True)
def pull(E, w, k):
    """Each node takes its part of the cell below it; how many cells are dark then."""
    dark = 0
    for i in range(w.shape[0]):
        cells, nodes = E[i], w[i]
        for x in range(nodes.size):
            taken = clamped(k.pull * clamped(cells[x], k.low, k.high), k.low, k.high)
            nodes[x] = clamped(nodes[x] + taken, k.low, k.high)
            cells[x] = clamped(cells[x] - taken, k.low, k.high)
            dark += cells[x] < k.dark
    return dark


@njit(cache=True, nogil=True)
def push(E, w, given, rate, k):
    """Each node gives to its cell; what it holds before is kept in ``given``."""
    for i in range(w.shape[0]):
        cells, nodes, kept = E[i], w[i], given[i]
        for x in range(nodes.size):
            kept[x] = nodes[x]
            pushed = clamped(kept[x] * rate, k.low, k.high)
            cells[x] = clamped(cells[x] + pushed, k.low, k.high)


@njit(cache=True, nogil=True)
def settle(w, given, rate, k):
    """Each node pays for its push and keeps within its band."""
    for i in range(w.shape[0]):
        nodes, kept = w[i], given[i]
        for x in range(nodes.size):
            after = clamped(nodes[x] - clamped(kept[x] * rate, k.low, k.high), k.low, k.high)
            nodes[x] = clamped(after, k.floor, k.ceiling)


@njit(cache=True, nogil=True)
def metabolize(w, k):
    """Nodes above 30 lose a little; all keep within their band."""
    for i in range(w.shape[0]):
        nodes = w[i]
        for x in range(nodes.size):
            after = nodes[x] - k.metabolism * nodes[x]
            after = after if nodes[x] > k.awake else nodes[x]
            nodes[x] = clamped(after, k.floor, k.ceiling)


@njit(cache=True, nogil=True)
def wrap_up(given, gifts, weights, k):
    """gifts[d − 1, i, REACH + x] = what node (i, x) gives at distance d; no one stands beside."""
    for d in range(1, weights.size):
        for i in range(given.shape[0]):
            nodes, out = given[i], gifts[d - 1, i, REACH:]
            for x in range(nodes.size):
                out[x] = nodes[x] * k.seed * weights[d] * k.share


@njit(cache=True, nogil=True)
def receive(cells, took, far, near, same, k):
    """Cells meet their five donors of a row of nodes, those to the right first.

    A gift is taken while the cell is dark; bit j of ``took`` says that the j-th was. Donors stand
    REACH to the right of the cell's number.
    """
    for c in range(cells.size):
        e, bits = cells[c], NONE
        bits = np.int32(bits | FIRST) if e < k.dark else bits
        e += far[c + 4] if e < k.dark else k.zero
        bits = np.int32(bits | SECOND) if e < k.dark else bits
        e += near[c + 3] if e < k.dark else k.zero
        bits = np.int32(bits | THIRD) if e < k.dark else bits
        e += same[c + 2] if e < k.dark else k.zero
        bits = np.int32(bits | FOURTH) if e < k.dark else bits
        e += near[c + 1] if e < k.dark else k.zero
        bits = np.int32(bits | FIFTH) if e < k.dark else bits
        e += far[c] if e < k.dark else k.zero
        cells[c], took[c] = e, bits


@njit(cache=True, nogil=True)
def pay(nodes, took, far, near, same, k):
    """Nodes pay for what was taken, in the same order; ``took`` begins REACH cells to the left."""
    for x in range(nodes.size):
        w = nodes[x]
        w -= far[x + 2] if took[x] & FIRST else k.zero
        w -= near[x + 2] if took[x + 1] & SECOND else k.zero
        w -= same[x + 2] if took[x + 2] & THIRD else k.zero
        w -= near[x + 2] if took[x + 3] & FOURTH else k.zero
        w -= far[x + 2] if took[x + 4] & FIFTH else k.zero
        nodes[x] = w


@njit(cache=True, nogil=True)
def receive_together(e, bit, gifts, first, last, k):
    """A cell at an edge: nodes first..last all give if it is dark before; what it is, and says."""
    if e < k.dark:
        for x in range(first, last):
            e += gifts[x + REACH]
        return e, bit
    return e, NONE


@njit(cache=True, nogil=True)
def receive_left(e, columns, far, near, same, k):
    """The first cell of a row, at which nodes meet whose cells lie beyond it."""
    e, first = receive_together(e, FIRST, far, 0, min(3, columns), k)
    e, second = receive_together(e, SECOND, near, 0, min(2, columns), k)
    e, third = receive_together(e, THIRD, same, 0, 1, k)
    return e, np.int32(first | second | third)


@njit(cache=True, nogil=True)
def receive_right(e, W, columns, far, near, same, k):
    """The last cell of a row, likewise."""
    e, third = receive_together(e, THIRD, same, W - 1, columns, k)
    e, fourth = receive_together(e, FOURTH, near, W - 2, columns, k)
    e, fifth = receive_together(e, FIFTH, far, W - 3, columns, k)
    return e, np.int32(third | fourth | fifth)


@njit(cache=True, nogil=True)
def give_row(cells, nodes, took, far, near, same, k):
    """A row of nodes gives to a row of cells. took: [REACH + W + REACH], cells beyond included."""
    W, columns = cells.size, nodes.size
    last = min(W - 1, columns + REACH)
    receive(cells[1:last], took[REACH + 1 :], far[1:], near[1:], same[1:], k)
    cells[0], took[REACH] = receive_left(cells[0], columns, far, near, same, k)
    took[0] = took[1] = took[REACH]
    if last == W - 1:
        cells[last], took[last + 2] = receive_right(cells[last], W, columns, far, near, same, k)
        took[last + 3] = took[last + 4] = took[last + 2]
    pay(nodes, took, far, near, same, k)


@njit(cache=True, nogil=True)
def seed(E, w, gifts, took, none, k):
    """All 24 offsets. Row 0 of E is REACH above the cell that the first node looks at."""
    h = w.shape[0]
    for t in range(h + 2 * REACH):
        for dy in range(-REACH, REACH + 1):
            i, away = t - REACH - dy, abs(dy)
            if 0 <= i < h:
                same = gifts[away - 1, i] if away else none
                give_row(E[t], w[i], took, gifts[away + 1, i], gifts[away, i], same, k)


def workspace(case: FieldCase) -> Callable[[FieldState], tuple[Tensor, Tensor, float]]:
    """(state): E, w and the dark fraction after pull, push and seeding, in place."""
    k, rows = rates(case), strip(case)
    kind = type(k.low)
    weights = np.array([1 / (1 + d) for d in range(2 * REACH + 1)], kind)
    given, (h, columns) = np.empty(case.workspace, kind), case.workspace
    gifts = np.zeros((2 * REACH, h, REACH + columns + 2 * REACH), kind)
    room = np.zeros(case.shape[1] + 2 * REACH, np.int32), np.zeros(gifts.shape[-1], kind)
    inner, n = slice(REACH, -REACH), case.workspace[0] * case.workspace[1]

    def run(state: FieldState) -> tuple[Tensor, Tensor, float]:
        E, w = state.E[rows].numpy(), state.w.numpy()
        r = float(kind(pull(E[inner], w, k)) / kind(n))
        rate = kind(0.1 * case.dt + (0.5 - 0.1) * case.dt * r)
        push(E[inner], w, given, rate, k)
        if r > 0.5:
            wrap_up(given, gifts, weights, k)
            seed(E, w, gifts, *room, k)
        settle(w, given, rate, k)
        return state.E, state.w, r

    return run
