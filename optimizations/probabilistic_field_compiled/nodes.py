"""The workspace as one compiled graph: cells meet all their donors, then nodes pay.

What a cell becomes depends on its own value and its donors alone, so each cell goes through
the 24 offsets in the frozen order by itself, in a register, and counts those that found it
dark: the first so many, since a cell that is bright takes nothing and stays so. Nodes then
read the counts of their cells and pay, in that order again.

A cell at an edge of the grid, where nodes meet, has a place of its own in each row, with the
sums of its donors beside it; zeros stand around all nodes, so that a cell without a donor
takes nothing. With the left edge at L and the right one at R, a row of donors is::

    0 0 L l l   0 w w w … w w w 0   r r R 0 0

Compiling takes time by the operation: columns at the edges, as loops with donors one by one,
were half of it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from baselines.probabilistic_field_v0.rules import (
    BAND,
    INACTIVE,
    SEED_RATE,
    SEED_SHARE,
    SEEDING_GATE,
)
from baselines.probabilistic_field_v0.workspace import offsets
from baselines.probabilistic_field_v1 import FieldCase, FieldState
from optimizations.probabilistic_field_blocked.nodes import exchange
from optimizations.probabilistic_field_blocked.stepping import REACH, strip

from .cells import to_loops

LEFT, FIRST = REACH, 3 * REACH  # places of the cell at the left edge, and of the first column
VECTOR = 16  # numbers, of which rows are whole ones
BESIDE = REACH + 1  # the places from which nodes look at an edge cell, and those of its donors


def meet(cells: Tensor, donors: Tensor, row: int) -> tuple[Tensor, Tensor]:
    """Cells after the gifts of every offset, and how many offsets found them dark: rows of cells
    and of donors one after another, so many places each."""
    n, count = len(cells), torch.zeros_like(cells)  # a number adds up faster
    for dy, dx, weight in offsets():
        first = (REACH - dy) * row + REACH - dx
        dark = cells < INACTIVE
        gift = donors[first : first + n] * (weight * SEED_SHARE)
        cells = cells + torch.where(dark, gift, 0.0)
        count = count + dark
    return cells, count


def taken(counts: Tensor, w: Tensor) -> Tensor:
    """The share of what a node could give to all cells that its cells took, in the type of w."""
    (h, columns), one, share = w.shape, w.new_ones(()), 0.0
    for number, (dy, dx, weight) in enumerate(offsets()):
        y, x = REACH + dy, REACH + dx
        took = counts[y : y + h, x : x + columns] > number
        share = share + torch.where(took, one * (weight * SEED_SHARE), 0.0)
    return share


def seeding(case: FieldCase) -> Callable[[Tensor, Tensor, Tensor], None]:
    """(E, w, push): all offsets, then nodes pay; E is the strip of cells that they reach."""
    (h, columns), rate = case.workspace, SEED_RATE * case.dt
    width = min(case.shape[1], columns + BESIDE)  # no node reaches further
    last, right = FIRST + width - 1, FIRST + width + BESIDE
    row = -(-(right + BESIDE) // VECTOR) * VECTOR
    cells = torch.zeros((h + 2 * REACH) * row, dtype=case.dtype)
    inner = cells.view(-1, row)[:, FIRST + 1 : last]
    edges = cells.view(-1, row)[:, LEFT : right + 1 : right - LEFT]
    donors = torch.zeros((h + 4 * REACH) * row + 2 * REACH, dtype=case.dtype)
    giving = donors[REACH:-REACH].view(-1, row)[2 * REACH : -2 * REACH]
    nodes = giving[:, FIRST : FIRST + columns]
    sums = torch.ones(BESIDE, BESIDE, dtype=case.dtype).triu()
    meeting = [  # nodes near an edge, the sums that they are taken into, and the places of those
        (giving[:, FIRST:][:, :BESIDE], sums, giving[:, LEFT:][:, :BESIDE]),
        (giving[:, last - REACH :][:, :BESIDE], sums.t(), giving[:, right - REACH :][:, :BESIDE]),
    ]

    def exchanged(cells: Tensor, donors: Tensor, w: Tensor, push: Tensor) -> None:
        after, count = meet(cells, donors, row)
        cells.copy_(after)
        count = count.view(-1, row)
        first, final = (count[:, x : x + 1].expand(-1, BESIDE) for x in (LEFT, right))
        line = torch.cat([first, count[:, FIRST + 1 : last], final], 1)
        w.copy_(torch.clamp(w - w * rate * taken(line, w) - push, *BAND))

    fused = to_loops(exchanged)

    def run(E: Tensor, w: Tensor, push: Tensor) -> None:
        torch.mul(w, rate, out=nodes)
        for near, into, at in meeting:
            torch.mm(near, into, out=at)
        within, rims = E[:, 1 : width - 1], E[:, 0 : width : width - 1]
        inner.copy_(within)
        edges.copy_(rims)
        fused(cells, donors, w, push)
        within.copy_(inner)
        rims.copy_(edges)

    return run


def workspace(case: FieldCase) -> Callable[[FieldState], tuple[Tensor, Tensor, float]]:
    """(state): E, w and the dark fraction after pull, push and seeding, in place."""
    rows, columns, seed = strip(case), case.workspace[1], seeding(case)

    def run(state: FieldState) -> tuple[Tensor, Tensor, float]:
        E, w = state.E[rows], state.w
        cells = E[REACH:-REACH, :columns]
        r, push = exchange(case, cells, w)
        if r > SEEDING_GATE:
            seed(E, w, push)
        else:
            w.sub_(push).clamp_(*BAND)
        return state.E, w, r

    return run
