"""The workspace as native loops: nodes on a block of cells pull, push and seed in place.

The frozen engine goes through 24 offsets one after another, each a gather and a scatter over
all nodes. What a cell becomes depends on its own value and its donors alone, so the order may
be turned inside out, cell row after cell row, if each cell meets its donors, and each node its
cells, in the order of the offsets. Rows of cells from above, and in each of them offsets from
above, do both. Cells at the left and right edge, where clamping makes nodes meet, are taken
donor by donor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit
from torch import Tensor

from baselines.probabilistic_field_v1 import FieldCase, FieldState
from optimizations.probabilistic_field_blocked.stepping import REACH, strip

from .loops import clamped


class Rates(NamedTuple):
    """Constants of the workspace, each rounded once to the field's type."""

    low: float
    high: float
    zero: float
    pull: float  # 2 dt
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
    exact = (-1e6, 1e6, 0.0, 2.0 * case.dt, 1.0, 0.2 * case.dt, 0.1, 20.0, 200.0)
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
def give_along(cells, nodes, given, weight, k):
    """One offset: node x gives to cell x where that is dark, and pays."""
    for x in range(nodes.size):
        e = cells[x]
        gift = given[x] * k.seed * weight * k.share
        gift = gift if e < k.dark else k.zero
        cells[x] = clamped(e + gift, k.low, k.high)
        nodes[x] -= gift


@njit(cache=True, nogil=True)
def give_together(cells, at, nodes, given, first, last, weight, k):
    """One offset at an edge: nodes first..last give to the same cell if it is dark before."""
    if cells[at] < k.dark:
        for x in range(first, last):
            gift = given[x] * k.seed * weight * k.share
            cells[at] += gift
            nodes[x] -= gift
    cells[at] = clamped(cells[at], k.low, k.high)


@njit(cache=True, nogil=True)
def give_row(cells, nodes, given, dx, weight, k):
    """One offset of a row of nodes, on the row of cells that it leads to."""
    W, columns = cells.size, nodes.size
    first, last = max(0, 1 - dx), min(columns, W - 1 - dx)  # nodes with a cell of their own
    if first > 0:
        give_together(cells, 0, nodes, given, 0, min(first, columns), weight, k)
    if first < last:
        here = slice(first + dx, last + dx)
        give_along(cells[here], nodes[first:last], given[first:last], weight, k)
    if last < columns:
        give_together(cells, W - 1, nodes, given, max(last, 0), columns, weight, k)


@njit(cache=True, nogil=True)
def seed(E, w, given, weights, k):
    """All 24 offsets. Row 0 of E is REACH above the cell that the first node looks at."""
    h = w.shape[0]
    for t in range(h + 2 * REACH):
        for dy in range(-REACH, REACH + 1):
            i = t - REACH - dy
            if 0 <= i < h:
                for dx in range(-REACH, REACH + 1):
                    if dy != 0 or dx != 0:
                        weight = weights[abs(dy) + abs(dx)]
                        give_row(E[t], w[i], given[i], dx, weight, k)


def workspace(case: FieldCase) -> Callable[[FieldState], tuple[Tensor, Tensor, float]]:
    """(state): E, w and the dark fraction after pull, push and seeding, in place."""
    k, rows = rates(case), strip(case)
    kind = type(k.low)
    weights = np.array([1 / (1 + d) for d in range(2 * REACH + 1)], kind)
    given = np.empty(case.workspace, kind)
    inner, n = slice(REACH, -REACH), case.workspace[0] * case.workspace[1]

    def run(state: FieldState) -> tuple[Tensor, Tensor, float]:
        E, w = state.E[rows].numpy(), state.w.numpy()
        r = float(kind(pull(E[inner], w, k)) / kind(n))
        rate = kind(0.1 * case.dt + (0.5 - 0.1) * case.dt * r)
        push(E[inner], w, given, rate, k)
        if r > 0.5:
            seed(E, w, given, weights, k)
        settle(w, given, rate, k)
        return state.E, state.w, r

    return run
