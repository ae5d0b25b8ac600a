"""The workspace on slices: nodes stand on a block of cells, so no index is needed.

Seeding keeps its 24 offsets one after another. A cell takes a gift only if it is dark by then,
so one gather for all offsets would be another physics.
"""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.probabilistic_field_v0.rules import (
    BAND,
    BOUND,
    INACTIVE,
    PULL_RATE,
    PUSH_RATE,
    PUSH_RATE_INACTIVE,
    SEED_RATE,
    SEED_SHARE,
    SEEDING_GATE,
)
from baselines.probabilistic_field_v0.workspace import offsets
from baselines.probabilistic_field_v1 import FieldCase, FieldState, runs

from .stepping import LOOK_UP


def give(cells: Tensor, nodes: Tensor, gift: Tensor) -> None:
    """Each node gives to its own cell where that is dark, and pays."""
    given = torch.where(cells < INACTIVE, gift, 0)
    cells.add_(given)
    nodes.sub_(given)


def give_together(cells: Tensor, nodes: Tensor, gift: Tensor) -> None:
    """All nodes of a row give to one cell, the same for each, if it is dark before."""
    given = torch.where(cells[:, None] < INACTIVE, gift, 0)
    for column in given.unbind(1):
        cells.add_(column)
    nodes.sub_(given)


def seed(E: Tensor, w: Tensor, gifts: dict[float, Tensor], top: int) -> None:
    """All offsets in order, in place. ``top`` is the row that the first node looks at."""
    (h, columns), W = w.shape, E.shape[1]
    for dy, dx, weight in offsets():
        rows, gift = E[top + dy : top + dy + h], gifts[weight]
        first, last = max(0, -dx), min(columns, W - dx)  # nodes whose cell is on the grid
        shared = first + 1 if first else 0  # these meet at the left edge, with the one there
        free = last - 1 if last < columns else columns
        if shared:
            give_together(rows[:, 0], w[:, :shared], gift[:, :shared])
        if shared < free:
            here = slice(shared, free)
            give(rows[:, shared + dx : free + dx], w[:, here], gift[:, here])
        if free < columns:
            give_together(rows[:, W - 1], w[:, free:], gift[:, free:])


def exchange(case: FieldCase, cells: Tensor, w: Tensor) -> tuple[float, Tensor]:
    """Pull, if the step does, and push, in place, not paid yet; the dark fraction in between,
    and the push."""
    if runs(case, "pull"):
        taken = cells * (PULL_RATE * case.dt)
        w.add_(taken).clamp_(-BOUND, BOUND)
        cells.sub_(taken)
    r = float((cells < INACTIVE).to(w.dtype).mean())
    push = w * (PUSH_RATE * case.dt + (PUSH_RATE_INACTIVE - PUSH_RATE) * case.dt * r)
    cells.add_(push).clamp_(-BOUND, BOUND)
    return r, push


def workspace(case: FieldCase):
    """(state): E, w and the dark fraction after pull, push and seeding, in place."""
    (H, _), (h, columns) = case.shape, case.workspace
    top = H - h - LOOK_UP

    def run(state: FieldState) -> tuple[Tensor, Tensor, float]:
        E, w = state.E, state.w
        r, push = exchange(case, E[top : top + h, :columns], w)
        if r > SEEDING_GATE:
            s = w * (SEED_RATE * case.dt)
            weights = {weight for *_, weight in offsets()}
            seed(E, w, {x: (s * x).mul_(SEED_SHARE) for x in weights}, top)
        w.sub_(push).clamp_(*BAND)
        return E, w, r

    return run
