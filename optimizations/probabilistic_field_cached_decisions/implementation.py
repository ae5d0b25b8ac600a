"""As proposed: read back every tenth frame what the step decides on, and decide on that.

Negative result. The energy on which the diffusion depends, and the dark fraction on which the
push and the seeding depend, are then up to nine frames old.
"""

from baselines.engine import Step, replace_stage
from baselines.probabilistic_field_v0.cells import bounded, cells, sampled
from baselines.probabilistic_field_v0.rules import (
    BAND,
    DIFFUSION_GATE,
    INACTIVE,
    PUSH_RATE,
    PUSH_RATE_INACTIVE,
    SEED_RATE,
    SEEDING_GATE,
)
from baselines.probabilistic_field_v0.state import Working, decide, measure
from baselines.probabilistic_field_v0.workspace import offsets, seed_
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1 import engine as baseline
from baselines.probabilistic_field_v1.rules import CORRECTED
from optimizations.probabilistic_field_cached_transfer.implementation import spectral

EVERY = 10  # frames


def diffuse(case: FieldCase) -> Step:
    """The diffusion stage on a sum that is read back every tenth frame."""
    diffused, known = spectral(case), {}

    def run(state: Working) -> Working:
        if int(state.frame) % EVERY == 0 or not known:
            known["sum"] = state.E.sum().double()
        enough = float(known["sum"]) > DIFFUSION_GATE
        return state._replace(
            E=diffused(state.E) if enough else state.E,
            sum_E=known["sum"],
            branches=decide(state, diffused=enough),
        )

    return run


def push_and_seed(case: FieldCase) -> Step:
    """The frozen stage on a dark fraction that is read back every tenth frame."""
    columns, known = case.shape[1], {}
    under = cells(CORRECTED, *sampled(case), columns)
    around = [
        (cells(CORRECTED, *sampled(case, dy, dx), columns), weight) for dy, dx, weight in offsets()
    ]

    def run(state: Working) -> Working:
        E, w = state.E.clone(), state.w
        if int(state.frame) % EVERY == 0 or not known:
            known["r"] = float((under.read(E) < INACTIVE).to(E.dtype).mean())
        r = known["r"]
        push = bounded(w * (PUSH_RATE * case.dt + (PUSH_RATE_INACTIVE - PUSH_RATE) * case.dt * r))
        under.give_(E, push)
        if r > SEEDING_GATE:
            w = seed_(E, w, state.w * (SEED_RATE * case.dt), around)
        return state._replace(
            E=E,
            w=bounded(w - push).clamp(*BAND),
            fractions=measure(state, inactive=r),
            branches=decide(state, seeded=r > SEEDING_GATE),
        )

    return run


engine = replace_stage(baseline, diffuse=diffuse, push_and_seed=push_and_seed)
