"""As proposed: all 24 offsets of the seeding in one gather and one scatter.

Negative result. Cells are asked once, before the first gift, whether they are dark; and where
several gifts go to one cell, an indexed addition keeps a single one of them, while every node
pays for all that it gave.
"""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.engine import Step, replace_stage
from baselines.probabilistic_field_v0.cells import bounded, sampled
from baselines.probabilistic_field_v0.rules import (
    BAND,
    INACTIVE,
    PUSH_RATE,
    PUSH_RATE_INACTIVE,
    SEED_RATE,
    SEED_SHARE,
    SEEDING_GATE,
)
from baselines.probabilistic_field_v0.state import Working, decide, measure
from baselines.probabilistic_field_v0.workspace import offsets
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1 import engine as baseline


def at_once(accumulate: bool):
    """A builder of the stage; ``accumulate``: whether gifts to one cell add up."""

    def push_and_seed(case: FieldCase) -> Step:
        y, x = sampled(case)
        there = [sampled(case, dy, dx) for dy, dx, _ in offsets()]
        ys, xs = (torch.stack(axis) for axis in zip(*there, strict=True))
        shares = torch.tensor([w for *_, w in offsets()], dtype=case.dtype)[:, None, None]

        def seed(E: Tensor, w: Tensor) -> Tensor:
            gifts = w * (SEED_RATE * case.dt) * shares * SEED_SHARE
            gifts = torch.where(E[ys, xs] < INACTIVE, gifts, 0)
            E.index_put_((ys, xs), gifts if accumulate else E[ys, xs] + gifts, accumulate)
            return w - gifts.sum(0)

        def run(state: Working) -> Working:
            E, w = state.E.clone(), state.w
            r = float((E[y, x] < INACTIVE).to(E.dtype).mean())
            rate = PUSH_RATE * case.dt + (PUSH_RATE_INACTIVE - PUSH_RATE) * case.dt * r
            push = bounded(w * rate)
            E.index_put_((y, x), push, accumulate=True)
            w = seed(E, w) if r > SEEDING_GATE else w
            return state._replace(
                E=E,
                w=bounded(w - push).clamp(*BAND),
                fractions=measure(state, inactive=r),
                branches=decide(state, seeded=r > SEEDING_GATE),
            )

        return run

    return push_and_seed


engine = replace_stage(baseline, push_and_seed=at_once(accumulate=False))
