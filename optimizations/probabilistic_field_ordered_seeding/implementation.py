"""The sound form of a vectorized seeding: 24 ordered offsets on slices instead of indices.

Nodes stand on a block of cells, so a shift is a slice; the order of the offsets, and with it
which cell still takes a gift, stays.
"""

from __future__ import annotations

from dataclasses import replace

from baselines.engine import Step, replace_stage
from baselines.probabilistic_field_v0.rules import (
    BAND,
    BOUND,
    INACTIVE,
    PUSH_RATE,
    PUSH_RATE_INACTIVE,
    SEED_RATE,
    SEED_SHARE,
    SEEDING_GATE,
)
from baselines.probabilistic_field_v0.state import Working, decide, measure
from baselines.probabilistic_field_v0.workspace import offsets
from baselines.probabilistic_field_v0.workspace import push_and_seed as frozen
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1 import engine as baseline
from baselines.probabilistic_field_v1.rules import CORRECTED
from optimizations.probabilistic_field_blocked.nodes import seed
from optimizations.probabilistic_field_blocked.stepping import LOOK_UP, plain


def ordered(case: FieldCase) -> Step:
    """The stage on slices, in place; the frozen one where nodes share a cell."""
    if not plain(case):
        return frozen(CORRECTED, case)
    (h, columns), top = case.workspace, case.shape[0] - case.workspace[0] - LOOK_UP
    weights = {weight for *_, weight in offsets()}

    def run(state: Working) -> Working:
        E, w = state.E, state.w
        cells = E[top : top + h, :columns]
        r = float((cells < INACTIVE).to(E.dtype).mean())
        push = w * (PUSH_RATE * case.dt + (PUSH_RATE_INACTIVE - PUSH_RATE) * case.dt * r)
        cells.add_(push).clamp_(-BOUND, BOUND)
        if r > SEEDING_GATE:
            s = w * (SEED_RATE * case.dt)
            seed(E, w, {x: s * x * SEED_SHARE for x in weights}, top)
        w.sub_(push).clamp_(*BAND)
        return state._replace(
            fractions=measure(state, inactive=r), branches=decide(state, seeded=r > SEEDING_GATE)
        )

    return run


engine = replace(replace_stage(baseline, push_and_seed=ordered), in_place=True)
