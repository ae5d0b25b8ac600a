"""Diffusion and flow on arrays, for any library of transforms and any mean of neighbours."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from baselines.engine import Step
from baselines.probabilistic_field_v0.rules import (
    ACTIVITY,
    BOUND,
    DIFFUSION_GATE,
    DIFFUSIVITY,
    ENERGY_CAP,
    FLOW_DENSE,
    FLOW_RATE,
    MOBILITY,
)
from baselines.probabilistic_field_v0.state import Working, decide, measure
from baselines.probabilistic_field_v0.transport import squared_frequencies
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1.rules import CORRECTED


def bounded(x: np.ndarray, low: float = -BOUND, high: float = BOUND) -> np.ndarray:
    """clamp(x, low, high) where x is finite, 0 elsewhere."""
    return np.where(np.isfinite(x), np.clip(x, low, high), x.dtype.type(0))


def diffusing(fft) -> Callable[[FieldCase], Step]:
    """A builder of the diffusion, E ← F⁻¹ exp(−D k² dt) F E, around that library's transforms."""

    def diffuse(case: FieldCase) -> Step:
        rate = DIFFUSIVITY * CORRECTED.radians**2 * case.dt
        decay = torch.exp(-rate * squared_frequencies(case)[:, : case.shape[1] // 2 + 1]).numpy()

        def run(state: Working) -> Working:
            E = state.E.numpy()
            total = float(state.E.sum())  # torch's: the record leaves no room for another order
            enough = total > DIFFUSION_GATE
            if enough:
                E = bounded(fft.irfft2(fft.rfft2(E) * decay, s=case.shape))
            return state._replace(
                E=torch.from_numpy(E),
                sum_E=torch.tensor(total, dtype=torch.float64),
                branches=decide(state, diffused=enough),
            )

        return run

    return diffuse


def flowing(around: Callable[[np.ndarray], np.ndarray]) -> Callable[[FieldCase], Step]:
    """A builder of the flow around that mean of the eight neighbours on a torus."""

    def flow(case: FieldCase) -> Step:
        rate = FLOW_RATE * case.dt

        def run(state: Working) -> Working:
            E, R, P = (field.numpy() for field in (state.E, state.R, state.P))
            sent = bounded(R * E) * np.clip(1 + P, *MOBILITY)
            net = bounded(bounded(bounded(around(sent)) * rate) - bounded(sent * rate))
            moving = np.abs(net) > ACTIVITY
            a = float(moving.mean())
            dense = a >= FLOW_DENSE
            E = np.where(moving | dense, bounded(E + net, 0, ENERGY_CAP), E)
            return state._replace(
                E=torch.from_numpy(E),
                moving=torch.from_numpy(moving),
                fractions=measure(state, active=a),
                branches=decide(state, flow_dense=dense),
            )

        return run

    return flow
