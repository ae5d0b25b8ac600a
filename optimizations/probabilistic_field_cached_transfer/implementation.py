"""The diffusion's transfer function is made once, and its result bounded in place.

The frozen stage computes exp(−D k² dt) anew at every step, and bounds through seven
intermediate arrays. Bits do not change: the table holds what was computed each time.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from baselines.engine import Step, replace_stage
from baselines.probabilistic_field_v0.rules import BOUND, DIFFUSION_GATE, DIFFUSIVITY
from baselines.probabilistic_field_v0.state import Working, decide
from baselines.probabilistic_field_v0.transport import squared_frequencies
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1 import engine as baseline
from baselines.probabilistic_field_v1.rules import CORRECTED

Diffusion = Callable[[Tensor], Tensor]


def spectral(case: FieldCase) -> Diffusion:
    """E after diffusion, in a new array."""
    half = case.shape[1] // 2 + 1
    rate = DIFFUSIVITY * CORRECTED.radians**2
    decay = torch.exp(-rate * squared_frequencies(case)[:, :half] * case.dt)

    def run(E: Tensor) -> Tensor:
        after = torch.fft.irfft2(torch.fft.rfft2(E).mul_(decay), s=case.shape)
        return after.clamp_(-BOUND, BOUND).nan_to_num_(0.0)

    return run


def gated(diffusion: Callable[[FieldCase], Diffusion]) -> Callable[[FieldCase], Step]:
    """The diffusion stage with another way to diffuse; gate and records are the frozen ones."""

    def diffuse(case: FieldCase) -> Step:
        diffused = diffusion(case)

        def run(state: Working) -> Working:
            total = float(state.E.sum())
            enough = total > DIFFUSION_GATE
            return state._replace(
                E=diffused(state.E) if enough else state.E,
                sum_E=torch.full_like(state.sum_E, total),
                branches=decide(state, diffused=enough),
            )

        return run

    return diffuse


engine = replace_stage(baseline, diffuse=gated(spectral))
