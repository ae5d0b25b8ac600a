"""The sound form of fewer read-backs: the diffusion's decision stays where the field is.

Sum, comparison and choice are tensors; nothing waits for the host, and every decision is of
this very frame. On a CPU nothing has to be waited for, so nothing is gained there.
"""

import torch

from baselines.engine import Step, replace_stage
from baselines.probabilistic_field_v0.rules import DIFFUSION_GATE
from baselines.probabilistic_field_v0.state import BRANCHES, Working
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1 import engine as baseline
from optimizations.probabilistic_field_fused_clamp.implementation import one_expression


def decided_there(case: FieldCase) -> Step:
    """The diffusion stage without a read-back; both outcomes are computed, one is chosen."""
    diffused, place = one_expression(case), BRANCHES.index("diffused")

    def run(state: Working) -> Working:
        total = state.E.sum().double()
        enough = total > DIFFUSION_GATE
        branches = state.branches.clone()
        branches[place] = enough
        E = torch.where(enough, diffused(state.E), state.E)
        return state._replace(E=E, sum_E=total, branches=branches)

    return run


engine = replace_stage(baseline, diffuse=decided_there)
