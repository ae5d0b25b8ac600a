"""As proposed: read the energy back every tenth frame and decide the diffusion on that.

Negative result. The decision to diffuse is then up to nine frames old, and wrong where the
energy has crossed the gate since.
"""

from baselines.engine import Step, replace_stage
from baselines.probabilistic_field_v0.rules import DIFFUSION_GATE
from baselines.probabilistic_field_v0.state import Working, decide
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1 import engine as baseline
from optimizations.probabilistic_field_cached_transfer.implementation import spectral

EVERY = 10  # frames


def stale(case: FieldCase) -> Step:
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


engine = replace_stage(baseline, diffuse=stale)
