"""As proposed: the clamp with its test for finite values as a TorchScript function, in the damping.

The same operations: TorchScript does not fuse on CPUs.
"""

import torch

from baselines.engine import Step, replace_stage
from baselines.probabilistic_field_v0.rules import (
    BOUND,
    ENERGY_CAP,
    PEAK,
    PEAK_RATE,
    PEAKS_DENSE,
)
from baselines.probabilistic_field_v0.state import Working, decide, fraction, measure
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1 import engine as baseline


def clamp_finite(x: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return torch.where(torch.isfinite(x), torch.clamp(x, low, high), torch.zeros_like(x))


def damped(case: FieldCase) -> Step:
    """The damping stage with the scripted function."""
    bounded = torch.jit.script(clamp_finite)

    def run(state: Working) -> Working:
        E = state.E
        k = fraction(E > PEAK)
        if k > 0:
            E = bounded(E - PEAK_RATE * case.dt * torch.clamp(E - PEAK, min=0), 0.0, ENERGY_CAP)
        E = torch.clamp(bounded(E, -BOUND, BOUND), 0, ENERGY_CAP)
        return state._replace(
            E=E,
            frame=state.frame + 1,
            fractions=measure(state, peaked=k),
            branches=decide(state, damped=k > 0, damping_dense=k >= PEAKS_DENSE),
        )

    return run


engine = replace_stage(baseline, damp=damped)
