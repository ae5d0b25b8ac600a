"""Float64 runs carried in float32: half the bytes, a declared error.

The state is narrowed once when it is taken over and widened when it is looked at.
"""

from dataclasses import replace

import torch

from baselines.engine import Step
from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline
from optimizations.lattice_field_blocked.implementation import engine as blocked


def narrow(case: LatticeCase) -> Step:
    """The blocked step in float32."""
    return blocked.prepare(replace(case, dtype=torch.float32))


def adopt(_: LatticeCase, state: LatticeState) -> LatticeState:
    return LatticeState(*(x.to(torch.float32) for x in state))


def observe(case: LatticeCase, state: LatticeState) -> LatticeState:
    return LatticeState(*(x.to(case.dtype) for x in state))


engine = replace(baseline, stepper=narrow, adopt=adopt, observe=observe, in_place=True)
