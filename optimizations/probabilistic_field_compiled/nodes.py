"""The workspace as compiled loops: a cell meets all its donors at once, then nodes pay.

What a cell becomes depends on its own value and its donors alone, so each cell goes through
the 24 offsets in the frozen order by itself, in a register, and counts those that found it
dark: the first so many. Nodes then read the counts of their cells and pay, in that order again.
Zeros stand around the workspace, so that a cell without a donor takes nothing. Columns at the
edges of the grid, where nodes meet, are loops of their own.
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

OFFSETS = tuple(offsets())
ACROSS = [dx for _, dx, _ in OFFSETS]


def meet(e: Tensor, gifts: list[list[Tensor]]) -> tuple[Tensor, Tensor]:
    """Cells after the gifts of every offset, and how many offsets found them dark: the first so
    many, since a cell that is bright never changes."""
    taken = torch.zeros_like(e)
    for together in gifts:
        dark = e < INACTIVE
        taken = taken + torch.where(dark, 1.0, 0.0)
        for gift in together:
            e = e + torch.where(dark, gift, 0.0)
    return e, taken


def seeding(case: FieldCase) -> Callable[[Tensor, Tensor, Tensor], None]:
    """(E, w, push): all offsets, then nodes pay; E is the strip of cells that they reach."""
    (h, columns), W, rate = case.workspace, case.shape[1], SEED_RATE * case.dt
    reached = min(W - 1, columns + REACH)  # interior cells end here
    edges = [0] if columns <= W - 1 - REACH else [0, W - 1]
    around = torch.zeros(h + 4 * REACH, columns + 3 * REACH, dtype=case.dtype)

    def gift(around: Tensor, number: int, x: int, count: int) -> Tensor:
        """From the nodes of columns x … to all rows of cells, by that offset."""
        dy, _, weight = OFFSETS[number]
        first = REACH - dy
        donors = around[first : first + h + 2 * REACH, REACH + x : REACH + x + count]
        return donors * rate * weight * SEED_SHARE

    def inside(E: Tensor, around: Tensor) -> tuple[Tensor, Tensor]:
        cells = E[:, 1:reached]
        gifts = [[gift(around, number, 1 - dx, reached - 1)] for number, dx in enumerate(ACROSS)]
        return meet(cells, gifts)

    def edge(E: Tensor, around: Tensor, at: int) -> tuple[Tensor, Tensor]:
        gifts = []
        for number, dx in enumerate(ACROSS):
            donors = [x for x in range(columns) if min(max(x + dx, 0), W - 1) == at]
            gifts.append([gift(around, number, x, 1) for x in donors])
        return meet(E[:, at : at + 1], gifts)

    def pay(w: Tensor, taken: Tensor) -> Tensor:
        """``taken`` holds what the cells took, those at an edge once more for each beyond."""
        after = w
        for number, (dy, dx, weight) in enumerate(OFFSETS):
            y, x = REACH + dy, REACH + dx
            took = taken[y : y + h, x : x + columns] > number
            after = after - torch.where(took, w * rate * weight * SEED_SHARE, 0.0)
        return after

    def whole(E: Tensor, w: Tensor, push: Tensor, around: Tensor) -> tuple[Tensor, ...]:
        e, taken = inside(E, around)
        rims = [edge(E, around, at) for at in edges]
        line = [rims[0][1].expand(-1, 1 + REACH), taken]
        line += [rim.expand(-1, 1 + REACH) for _, rim in rims[1:]]
        after = torch.clamp(pay(w, torch.cat(line, 1)) - push, *BAND)
        return after, e, *(rim for rim, _ in rims)

    whole = torch.compile(whole, dynamic=False, fullgraph=True)

    def run(E: Tensor, w: Tensor, push: Tensor) -> None:
        around[2 * REACH : -2 * REACH, REACH : REACH + columns] = w
        after, e, *rims = whole(E, w, push, around)
        E[:, 1:reached] = e
        for at, rim in zip(edges, rims, strict=True):
            E[:, at : at + 1] = rim
        w.copy_(after)

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
