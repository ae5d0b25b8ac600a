"""The workspace: a grid of nodes that pull energy from the field, push it back and seed."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from baselines.engine import Step

from .case import FieldCase, Region
from .cells import bounded, cells, changed, sampled
from .rules import (
    BAND,
    INACTIVE,
    PULL_RATE,
    PUSH_RATE,
    PUSH_RATE_INACTIVE,
    REST,
    SEED_RATE,
    SEED_REACH,
    SEED_SHARE,
    SEEDING_GATE,
    Rules,
)
from .state import Working, decide, measure


def pull(rules: Rules, case: FieldCase) -> Step:
    """Stage: each node takes 2 dt of the energy of the cell that it looks at."""
    under = cells(rules, *sampled(case), case.shape[1])

    def run(state: Working) -> Working:
        E, w = state.E.clone(), state.w
        taken = bounded(PULL_RATE * case.dt * bounded(under.read(E)))
        w = changed(w, taken.to(w.dtype), E.dtype)
        w = bounded(w.to(E.dtype)).to(w.dtype)
        under.give_(E, -taken)
        return state._replace(E=E, w=w)

    return run


def offsets() -> Iterator[tuple[int, int, float]]:
    """The 24 shifts around a cell in row-major order, with weights 1/(1 + |dy| + |dx|)."""
    reach = range(-SEED_REACH, SEED_REACH + 1)
    for dy in reach:
        for dx in reach:
            if (dy, dx) != (0, 0):
                yield dy, dx, 1 / (1 + abs(dy) + abs(dx))


def push_and_seed(rules: Rules, case: FieldCase) -> Step:
    """Stage: nodes push energy to their cells, and where most are dark, around them too."""
    under = cells(rules, *sampled(case), case.shape[1])
    around = [
        (cells(rules, *sampled(case, dy, dx), case.shape[1]), weight)
        for dy, dx, weight in offsets()
    ]

    def run(state: Working) -> Working:
        E, w = state.E.clone(), state.w
        r = float((under.read(E) < INACTIVE).to(E.dtype).mean())
        rate = PUSH_RATE * case.dt + (PUSH_RATE_INACTIVE - PUSH_RATE) * case.dt * r
        u = w.to(E.dtype)
        u = torch.where(torch.isfinite(u), u, torch.zeros_like(u))
        push = bounded(u * rate)
        under.give_(E, push)
        seeding = r > SEEDING_GATE
        if seeding:
            w = seed_(E, w, u * (SEED_RATE * case.dt), around)
        if rules.debit_push_always or not seeding:
            w = bounded(w.to(E.dtype) - push).to(w.dtype)
        w = torch.where(torch.isfinite(w), w.clamp(*BAND), torch.full_like(w, REST))
        return state._replace(
            E=E, w=w, fractions=measure(state, inactive=r), branches=decide(state, seeded=seeding)
        )

    return run


def seed_(E: Tensor, w: Tensor, s: Tensor, around: list) -> Float[Tensor, "h columns"]:
    """Offset after offset, give to E, in place, where it is dark by then; w less the gifts."""
    for there, weight in around:
        gift = s * weight * SEED_SHARE
        gift = torch.where(there.read(E) < INACTIVE, gift, torch.zeros_like(gift))
        there.give_(E, gift)
        w = changed(w, -gift.to(w.dtype), E.dtype)
    return w


def read_workspace_energies(
    case: FieldCase, w: Float[Tensor, "h columns"], region: Region
) -> Float[Tensor, "rows cols"]:
    """Node energies in a region of the grid, 0 where no node sits: a copy, at least float32.

    Raises:
        ValueError: a w that is not the case's, or a region that leaves the grid by more
            than the larger of grid and workspace.
    """
    if tuple(w.shape) != tuple(case.workspace) or not w.is_floating_point():
        raise ValueError(
            f"w is {w.dtype} of shape {tuple(w.shape)}; "
            f"allowed: a floating-point type of shape {tuple(case.workspace)}"
        )
    region.refuse_outside(case.shape, margin=tuple(map(max, case.shape, case.workspace)))
    top, (h, columns) = case.shape[0] - case.workspace[0], case.workspace
    y0, y1 = (min(max(y - top, 0), h) for y in (region.y0, region.y1))
    x0, x1 = (min(max(x, 0), columns) for x in (region.x0, region.x1))
    window = w.new_zeros(region.shape, dtype=torch.promote_types(w.dtype, torch.float32))
    if y0 < y1 and x0 < x1:
        dy, dx = y0 + top - region.y0, x0 - region.x0
        window[dy : dy + y1 - y0, dx : dx + x1 - x0] = w[y0:y1, x0:x1]
    return window
