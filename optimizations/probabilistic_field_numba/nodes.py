"""The workspace as native loops: nodes on a block of cells pull, push and seed in place.

The frozen engine goes through 24 offsets one after another, each a gather and a scatter over
all nodes. What a cell becomes depends on its own value and its donors alone, so the order may
be turned inside out, cell row after cell row, if each cell meets its donors, and each node its
cells, in the order of the offsets. A cell takes gifts while it is dark, and no longer: once
bright it never changes again. So what it took are the first so many offsets, and one number per
cell tells the nodes what they pay. Cells at the left and right edge, where clamping makes nodes
meet, are taken donor by donor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit
from torch import Tensor

from baselines.probabilistic_field_v1 import FieldCase, FieldState, runs
from optimizations.probabilistic_field_blocked.stepping import REACH, strip

from .loops import clamped, inner

ROWS = 2 * REACH + 1  # of nodes that give to a row of cells
LANES = 32  # values that the loops take at once


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
    half: float  # above which dark share nodes seed
    one: float
    weights: tuple[float, ...]  # 1/(1 + d) at distances of 1 to 4
    order: tuple[float, ...]  # 0 to 24, the offsets' places, their middle included


def rates(case: FieldCase) -> Rates:
    """Rounded to the type of the case."""
    kind = np.dtype(str(case.dtype).removeprefix("torch.")).type
    pull = 2.0 * case.dt if runs(case, "pull") else 0.0
    exact = (-1e6, 1e6, 0.0, pull, 1.0, 0.2 * case.dt, 0.1, 20.0, 200.0)
    weights = (1 / (1 + d) for d in range(1, 2 * REACH + 1))
    return Rates(
        *map(kind, (*exact, 0.01 * case.dt, 30.0, 0.5, 1.0)),
        weights=tuple(map(kind, weights)),
        order=tuple(map(kind, range(ROWS * ROWS))),
    )


@inner
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


@inner
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


@inner
def fill(line, value):
    for x in range(line.size):
        line[x] = value


@inner
def copy(source, target, count):
    """The first so many; a slice would bring along all that words its error."""
    for x in range(count):
        target[x] = source[x]


@inner
def wrap_up(nodes, gifts, k):
    """gifts[d − 1, REACH + x] = what node x of a row gives at distance d."""
    for d in range(2 * REACH):
        out, weight = gifts[d, REACH:], k.weights[d]
        for x in range(nodes.size):
            out[x] = nodes[x] * k.seed * weight * k.share


@inner
def receive(cells, taken, far, near, same, k):
    """Cells meet their five donors of a row of nodes, those to the right first.

    Donors stand REACH to the right of the cell's number.
    """
    for c in range(cells.size):
        e, n = cells[c], taken[c]
        n += k.one if e < k.dark else k.zero
        e += far[c + 4] if e < k.dark else k.zero
        n += k.one if e < k.dark else k.zero
        e += near[c + 3] if e < k.dark else k.zero
        n += k.one if e < k.dark else k.zero
        e += same[c + 2] if e < k.dark else k.zero
        n += k.one if e < k.dark else k.zero
        e += near[c + 1] if e < k.dark else k.zero
        n += k.one if e < k.dark else k.zero
        e += far[c] if e < k.dark else k.zero
        cells[c], taken[c] = e, n


@inner
def receive_at(edge, e, columns, t, gifts, k):
    """A cell at an edge of row t, at which nodes meet whose cells lie beyond: all of an offset
    give if it is dark before. What it is, and the offsets that it took."""
    taken = k.zero
    for n in range(ROWS):
        row, away = gifts[(t - n + ROWS) % ROWS], abs(n - REACH)
        for dx in range(-REACH, REACH + 1):
            if not e < k.dark:
                return e, taken
            taken += k.one
            first, last = (0, 1 - dx) if edge == 0 else (edge - dx, columns)
            d = away + abs(dx)
            if d:
                for x in range(max(first, 0), min(last, columns)):
                    e += row[d - 1, x + REACH]
    return e, taken


@inner
def pay(nodes, one, two, three, four, five, k):
    """Nodes pay for what the cells of five rows took, in the order of the offsets.

    taken[c + REACH] of a row says how many offsets cell c took: the first so many.
    """
    for x in range(nodes.size):
        w = nodes[x]
        a = w * k.seed * k.weights[0] * k.share
        b = w * k.seed * k.weights[1] * k.share
        c = w * k.seed * k.weights[2] * k.share
        d = w * k.seed * k.weights[3] * k.share
        w -= d if one[x] > k.order[0] else k.zero
        w -= c if one[x + 1] > k.order[1] else k.zero
        w -= b if one[x + 2] > k.order[2] else k.zero
        w -= c if one[x + 3] > k.order[3] else k.zero
        w -= d if one[x + 4] > k.order[4] else k.zero
        w -= c if two[x] > k.order[5] else k.zero
        w -= b if two[x + 1] > k.order[6] else k.zero
        w -= a if two[x + 2] > k.order[7] else k.zero
        w -= b if two[x + 3] > k.order[8] else k.zero
        w -= c if two[x + 4] > k.order[9] else k.zero
        w -= b if three[x] > k.order[10] else k.zero
        w -= a if three[x + 1] > k.order[11] else k.zero
        w -= a if three[x + 3] > k.order[13] else k.zero
        w -= b if three[x + 4] > k.order[14] else k.zero
        w -= c if four[x] > k.order[15] else k.zero
        w -= b if four[x + 1] > k.order[16] else k.zero
        w -= a if four[x + 2] > k.order[17] else k.zero
        w -= b if four[x + 3] > k.order[18] else k.zero
        w -= c if four[x + 4] > k.order[19] else k.zero
        w -= d if five[x] > k.order[20] else k.zero
        w -= c if five[x + 1] > k.order[21] else k.zero
        w -= b if five[x + 2] > k.order[22] else k.zero
        w -= c if five[x + 3] > k.order[23] else k.zero
        w -= d if five[x + 4] > k.order[24] else k.zero
        nodes[x] = w


@inner
def give_row(t, cells, taken, W, columns, gifts, none, k):
    """All rows of nodes around it give to a line of W cells, the lowest row last.

    taken: [REACH + W + REACH + …], cells beyond the edges included; what the line holds after
    its last cell is of no account.
    """
    first, last = np.int64(0), min(W - 1, columns + REACH)
    left, at_left = receive_at(first, cells[first], columns, t, gifts, k)
    right, at_right = cells[last], k.zero
    if last == W - 1:
        right, at_right = receive_at(last, right, columns, t, gifts, k)
    fill(taken, k.zero)
    within = taken[REACH:]
    for n in range(ROWS):
        row, away = gifts[(t - n + ROWS) % ROWS], abs(n - REACH)
        same = row[away - 1] if away else none
        receive(cells, within, row[away + 1], row[away], same, k)
    cells[first], cells[last] = left, right
    taken[0] = taken[1] = taken[2] = at_left
    if last == W - 1:
        taken[last + 2] = taken[last + 3] = taken[last + 4] = at_right


@inner
def seed(E, w, room, k):
    """All 24 offsets. Row 0 of E is REACH above the cell that the first node looks at.

    Lines are a whole number of vectors long. What the five rows of nodes around a row of cells
    give, and what the five rows of cells around a row of nodes took, stays in cache: row i is in
    place i mod 5.
    """
    cells, paid, gifts, taken, none = room
    (h, columns), W = w.shape, E.shape[1]
    reached = min(W, columns + REACH + 1)
    for n in range(ROWS):
        for d in range(2 * REACH):
            fill(gifts[n, d], k.zero)
    for t in range(h + 2 * REACH):
        here = t % ROWS
        if t < h:
            copy(w[t], paid, columns)
        else:
            fill(paid, k.zero)
        wrap_up(paid, gifts[here], k)
        copy(E[t], cells, reached)
        give_row(t, cells, taken[here], W, columns, gifts, none, k)
        copy(cells, E[t], reached)
        i = t - 2 * REACH
        if i >= 0:
            copy(w[i], paid, columns)
            a, b, c, d, e = i % ROWS, (i + 1) % ROWS, (i + 2) % ROWS, (i + 3) % ROWS, here
            pay(paid, taken[a], taken[b], taken[c], taken[d], taken[e], k)
            copy(paid, w[i], columns)


@njit(cache=True, nogil=True)
def turned(E, w, given, room, dt, k):
    """Pull, push, seeding and what nodes pay, in place; the dark fraction, in the field's type."""
    inner, rounded = E[REACH : E.shape[0] - REACH], room[0]
    rounded[0], rounded[1] = pull(inner, w, k), w.size
    r = rounded[0] / rounded[1]
    rounded[0] = 0.1 * dt + (0.5 - 0.1) * dt * r
    rate = rounded[0]
    push(inner, w, given, rate, k)
    if r > k.half:
        seed(E, w, room, k)
    settle(w, given, rate, k)
    return r


def scratch(case: FieldCase) -> tuple[np.ndarray, ...]:
    """What `seed` works in: cells, paid [P]; gifts, took [5, …, P + 4]; none [P + 4]."""
    kind = type(rates(case).low)
    reached = min(case.shape[1], case.workspace[1] + REACH + 1)
    line = -(-reached // LANES) * LANES
    beyond = line + 2 * REACH
    shapes = (line, line, (ROWS, 2 * REACH, beyond), (ROWS, beyond), beyond)
    return tuple(np.zeros(shape, kind) for shape in shapes)


def workspace(case: FieldCase) -> Callable[[FieldState], tuple[Tensor, Tensor, float]]:
    """(state): E, w and the dark fraction after pull, push and seeding, in place."""
    k, rows, room = rates(case), strip(case), scratch(case)
    given = np.empty(case.workspace, room[0].dtype)

    def run(state: FieldState) -> tuple[Tensor, Tensor, float]:
        E, w = state.E.numpy()[rows], state.w.numpy()
        return state.E, state.w, float(turned(E, w, given, room, case.dt, k))

    return run
