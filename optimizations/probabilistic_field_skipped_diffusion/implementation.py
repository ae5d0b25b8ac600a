"""As proposed: diffuse only where more than a hundredth of the cells holds energy, as counted
every fifth frame.

Negative result. It is another predicate than the frozen one, the energy of the whole field
above 10 000, and up to four frames old.
"""

import torch

from baselines.engine import Step, replace_stage
from baselines.probabilistic_field_v0.state import Working, decide
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1 import engine as baseline
from optimizations.probabilistic_field_cached_transfer.implementation import spectral

EVERY, LEVEL, PART = 5, 0.01, 0.01


def sparse_aware(case: FieldCase) -> Step:
    """The diffusion stage on a cached fraction of cells that hold energy."""
    diffused, known = spectral(case), {}

    def run(state: Working) -> Working:
        if int(state.frame) % EVERY == 0 or not known:
            known["part"] = float((state.E > LEVEL).sum()) / case.cells
        enough = known["part"] > PART
        return state._replace(
            E=diffused(state.E) if enough else state.E,
            sum_E=torch.full_like(state.sum_E, float(state.E.sum())),
            branches=decide(state, diffused=enough),
        )

    return run


engine = replace_stage(baseline, diffuse=sparse_aware)
