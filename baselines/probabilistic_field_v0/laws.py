"""What every version of the field obeys, each as an experiment with a residual."""

from __future__ import annotations

import math
from functools import partial

import torch
from jaxtyping import Bool
from torch import Tensor

from baselines.engine import Law, Run

from .case import FieldCase
from .cells import sampled
from .rules import (
    BAND,
    BOUND,
    CONSUMPTION,
    DIFFUSION_GATE,
    DIFFUSIVITY,
    ENERGY_CAP,
    PEAK,
    PEAK_RATE,
    Rules,
)
from .state import FieldState
from .transport import squared_frequencies

EXPERIMENT = 5  # steps
LARGEST = 100_000  # cells: the laws do not depend on size


def small(case: FieldCase) -> bool:
    """Small enough for an experiment at every judgement."""
    return case.cells <= LARGEST


def undisturbed(case: FieldCase) -> bool:
    """Small, and no image writes into the field."""
    return small(case) and case.images is None


def elsewhere(case: FieldCase) -> Bool[Tensor, "H W"]:
    """The cells that no workspace node looks at."""
    mask = torch.ones(case.shape, dtype=torch.bool, device=case.device)
    mask[sampled(case)] = False
    return mask


def uniform(start: FieldState, energy: float, density: float) -> FieldState:
    """The start with the same energy and density everywhere."""
    return start._replace(E=torch.full_like(start.E, energy), R=torch.full_like(start.R, density))


def caps_broken(case: FieldCase, start: FieldState, run: Run) -> float:
    end = run(start, min(case.steps, EXPERIMENT))
    ranges = ((end.E, (0.0, ENERGY_CAP)), (end.R, (0.0, BOUND)), (end.w, BAND))
    return max(
        max(low - float(field.min()), float(field.max()) - high, 0.0)
        for field, (low, high) in ranges
    )


def wave_error(rules: Rules, case: FieldCase, start: FieldState, run: Run) -> float:
    """Worst departure from c + Σ A exp(−D k² dt) cos(2π f·x), off the workspace."""
    (H, W), q = case.shape, squared_frequencies(case).to(start.E)
    base = max(10.0, 2 * DIFFUSION_GATE / case.cells)
    y, x = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")
    before, after = torch.full_like(start.E, base), torch.full_like(start.E, base)
    for m, n in ((1, 0), (0, 1), (2, 3), (H // 2, W // 2)):
        phase = 2 * math.pi * (m * y.to(start.E) / H + n * x.to(start.E) / W)
        decay = math.exp(-DIFFUSIVITY * rules.radians**2 * float(q[m, n]) * case.dt)
        before = before + torch.cos(phase)
        after = after + decay * torch.cos(phase)
    end = run(start._replace(E=before, R=torch.zeros_like(start.R)), 1)
    return float((end.E - after)[elsewhere(case)].abs().max())


def consumption_error(case: FieldCase, start: FieldState, run: Run) -> float:
    """A density too weak to flow anywhere costs its cell 0.02 dt R, and nothing else."""
    energy, rho = 5.0, 0.25
    end = run(uniform(start, energy, rho), 1)
    expected = energy - CONSUMPTION * case.dt * rho
    return float((end.E - expected)[elsewhere(case)].abs().max())


def peak_error(case: FieldCase, start: FieldState, run: Run) -> float:
    """A uniform peak keeps uniform; its excess decays by 1 − 0.3 dt."""
    excess = 50.0
    end = run(uniform(start, PEAK + excess, 0.0), 1)
    expected = PEAK + excess * (1 - PEAK_RATE * case.dt)
    return float((end.E - expected)[elsewhere(case)].abs().max())


def common_laws(rules: Rules) -> tuple[Law, ...]:
    """The laws under the rules of a version."""
    return (
        Law("caps", "0 ≤ E ≤ 1000, 0 ≤ R ≤ 10⁶, 20 ≤ w ≤ 200", caps_broken, 0.0, small),
        Law(
            "wave decay",
            "each wave of E decays by exp(−D k² dt) a step; the mean stays",
            partial(wave_error, rules),
            1e-11,
            undisturbed,
        ),
        Law(
            "consumption",
            "density too weak to flow costs E 0.02 R a time",
            consumption_error,
            1e-12,
            undisturbed,
        ),
        Law(
            "peak decay",
            "a uniform field stays uniform; its excess over 100 decays by 1 − 0.3 dt a step",
            peak_error,
            1e-10,
            undisturbed,
        ),
    )
