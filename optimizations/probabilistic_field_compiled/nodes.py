"""The workspace as compiled loops: a cell meets all its donors at once, then nodes pay.

What a cell becomes depends on its own value and its donors alone, so each cell goes through
the 24 offsets in the frozen order by itself, in a register, and notes as bits which of them found
it dark. Nodes then read the bits of their cells and pay, in that order again.

At an edge of the grid the nodes of several columns give to one. Such a rim gets a place of its
own beside the other cells, and around it, where another cell finds nodes, the sums of those that
meet there: so one loop serves every cell, and the compiler has little to read.

    place        0      1 … 4    5 … reached + 3    …        reached + 8
    cell         x = 0  none     x = 1 … reached-1  none     x = W − 1, where nodes reach it
    from nodes   sums            x − dx                      sums

A place looks at nodes `REACH` places on either side; where none stands there are zeros.
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
FIRST = 2 * REACH  # the place of a cell, less its column
APART = 2 * REACH + 1  # places from the last cell to the rim beyond


def meet(cells: Tensor, around: Tensor, took: Tensor) -> None:
    """Cells after the gifts of every offset, in place; bit n where the n-th found them dark."""
    rows, columns = cells.shape
    e, bits = cells, torch.zeros_like(took)
    for number, (dy, dx, weight) in enumerate(OFFSETS):
        y, x = REACH - dy, REACH - dx
        dark = e < INACTIVE
        gift = around[y : y + rows, x : x + columns] * weight * SEED_SHARE
        bits = bits + torch.where(dark, 1 << number, 0)
        e = e + torch.where(dark, gift, 0.0)
    cells.copy_(e)
    took.copy_(bits)


def pay(w: Tensor, given: Tensor, push: Tensor, took: Tensor) -> None:
    """Nodes less what their cells took of them, offset after offset, and less the push."""
    (h, columns), after = w.shape, w
    for number, (dy, dx, weight) in enumerate(OFFSETS):
        y, x = REACH + dy, FIRST + dx
        bit = took[y : y + h, x : x + columns].bitwise_and(1 << number)
        after = after - torch.where(bit != 0, given * weight * SEED_SHARE, 0.0)
    w.copy_(torch.clamp(after - push, *BAND))


def seeding(case: FieldCase) -> Callable[[Tensor, Tensor, Tensor], None]:
    """(E, w, push): all offsets, then nodes pay; E is the strip of cells that they reach."""
    (h, columns), W, rate = case.workspace, case.shape[1], SEED_RATE * case.dt
    reached = min(W - 1, columns + REACH)  # interior cells end here
    beyond = columns > W - 1 - REACH  # whether nodes meet at the far edge, too
    places, rows = FIRST + reached + APART * beyond, h + 2 * REACH
    cells = torch.zeros(rows, places, dtype=case.dtype)
    took = torch.zeros(rows, places, dtype=torch.int32)
    around = torch.zeros(rows + 2 * REACH, places + 2 * REACH, dtype=case.dtype)
    nodes = around[2 * REACH : -2 * REACH]
    given = nodes[:, REACH + FIRST : REACH + FIRST + columns]
    sums = torch.ones(1 + REACH, 1 + REACH, dtype=case.dtype)
    first, last = given[:, : 1 + REACH], given[:, W - 1 - REACH :]
    meets, pays = (torch.compile(f, dynamic=False, fullgraph=True) for f in (meet, pay))

    def run(E: Tensor, w: Tensor, push: Tensor) -> None:
        torch.mul(w, rate, out=given)
        torch.mm(first, sums.triu()[: first.shape[1]], out=nodes[:, REACH : FIRST + 1])
        cells[:, 0], cells[:, FIRST + 1 : FIRST + reached] = E[:, 0], E[:, 1:reached]
        if beyond:
            torch.mm(last, sums.tril()[: last.shape[1]], out=nodes[:, places - 1 : places + REACH])
            cells[:, -1] = E[:, -1]
        meets(cells, around, took)
        E[:, 0], E[:, 1:reached] = cells[:, 0], cells[:, FIRST + 1 : FIRST + reached]
        took[:, REACH : FIRST + 1] = took[:, :1]
        if beyond:
            E[:, -1] = cells[:, -1]
            took[:, FIRST + reached : FIRST + reached + 1 + REACH] = took[:, -1:]
        pays(w, given, push, took)

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
