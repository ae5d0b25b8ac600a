"""As proposed: keep the field in half precision between steps.

Negative result. One step adds dt² E_tt, some 1e-4 of E or less, and half precision resolves
5e-4: most of every increment is lost.
"""

import torch

from baselines.engine import Step, replace_stage
from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline
from baselines.lattice_field_v1.scheme import advance


def halved(case: LatticeCase) -> Step:
    """The field stage, its result stored in float16."""
    frozen = advance(case)

    def step(state: LatticeState) -> LatticeState:
        after = frozen(state)
        return after._replace(E=after.E.to(torch.float16).to(case.dtype))

    return step


engine = replace_stage(baseline, field=halved)
