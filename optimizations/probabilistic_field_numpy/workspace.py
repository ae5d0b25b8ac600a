"""The workspace on arrays: nodes find their cells by index, and `np.add.at` adds what they give.

Seeding keeps its 24 offsets one after another: a cell takes a gift only if it is dark by then.
"""

from __future__ import annotations

import numpy as np
import torch

from baselines.engine import Step
from baselines.probabilistic_field_v0.cells import sampled
from baselines.probabilistic_field_v0.rules import (
    BAND,
    INACTIVE,
    PULL_RATE,
    PUSH_RATE,
    PUSH_RATE_INACTIVE,
    REST,
    SEED_RATE,
    SEED_SHARE,
    SEEDING_GATE,
)
from baselines.probabilistic_field_v0.state import Working, decide, measure
from baselines.probabilistic_field_v0.workspace import offsets
from baselines.probabilistic_field_v1 import FieldCase

from .transport import bounded

Cells = tuple[np.ndarray, np.ndarray]  # rows and columns, [h, columns] each


def below(case: FieldCase, dy: int = 0, dx: int = 0) -> Cells:
    """The cells that the nodes look at, shifted."""
    y, x = sampled(case, dy, dx)
    return y.numpy(), x.numpy()


def give_(E: np.ndarray, cells: Cells, amount: np.ndarray) -> None:
    """Add an amount to each cell, in place, shared cells take all, and bound the result."""
    np.add.at(E, cells, amount)
    E[cells] = bounded(E[cells])


def pull(case: FieldCase) -> Step:
    """Stage: each node takes 2 dt of the energy of the cell that it looks at."""
    under = below(case)

    def run(state: Working) -> Working:
        E, w = state.E.numpy().copy(), state.w.numpy()
        taken = bounded(PULL_RATE * case.dt * bounded(E[under]))
        give_(E, under, -taken)
        return state._replace(E=torch.from_numpy(E), w=torch.from_numpy(bounded(w + taken)))

    return run


def push_and_seed(case: FieldCase) -> Step:
    """Stage: nodes push energy to their cells, and where most are dark, around them too."""
    under = below(case)
    around = [(below(case, dy, dx), weight) for dy, dx, weight in offsets()]

    def run(state: Working) -> Working:
        E, w = state.E.numpy().copy(), state.w.numpy()
        r = float((E[under] < INACTIVE).astype(E.dtype).mean())
        rate = PUSH_RATE * case.dt + (PUSH_RATE_INACTIVE - PUSH_RATE) * case.dt * r
        u = np.where(np.isfinite(w), w, w.dtype.type(0))
        push = bounded(u * rate)
        give_(E, under, push)
        seeding = r > SEEDING_GATE
        if seeding:
            w = seed_(E, w, u * (SEED_RATE * case.dt), around)
        w = bounded(w - push)
        w = np.where(np.isfinite(w), w.clip(*BAND), w.dtype.type(REST))
        return state._replace(
            E=torch.from_numpy(E),
            w=torch.from_numpy(w),
            fractions=measure(state, inactive=r),
            branches=decide(state, seeded=seeding),
        )

    return run


def seed_(E: np.ndarray, w: np.ndarray, s: np.ndarray, around: list) -> np.ndarray:
    """Offset after offset, give to E, in place, where it is dark by then; w less the gifts."""
    for there, weight in around:
        gift = np.where(E[there] < INACTIVE, s * weight * SEED_SHARE, s.dtype.type(0))
        give_(E, there, gift)
        w = w - gift
    return w
