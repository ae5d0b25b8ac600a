"""As proposed: advance only cells whose amplitude exceeds a threshold, freeze the others.

Negative result. A cell below the threshold no longer takes part in the wave: tails stop
propagating, and every front loses what it should have handed on.
"""

import torch

from baselines.engine import Step, replace_stage
from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline
from baselines.lattice_field_v1.scheme import advance

THRESHOLD = 1e-6  # in the field's unit; packets start with an amplitude of 0.01


def masked(case: LatticeCase) -> Step:
    """The field stage where |E| > threshold; E stays as it is elsewhere."""
    frozen = advance(case)

    def step(state: LatticeState) -> LatticeState:
        after = frozen(state)
        return after._replace(E=torch.where(state.E.abs() > THRESHOLD, after.E, state.E))

    return step


engine = replace_stage(baseline, field=masked)
