"""Births and deaths, consumption and damping on arrays."""

from __future__ import annotations

import numpy as np
import torch

from baselines.engine import Step
from baselines.probabilistic_field_v0.rules import (
    BAND,
    BOUND,
    CONSUMPTION,
    CONSUMPTION_DENSE,
    DEATH_BELOW,
    DEATH_RATE,
    DEATH_REFUND,
    DENSITY_DENSE,
    ENERGY_CAP,
    METABOLISM,
    METABOLISM_FROM,
    PEAK,
    PEAK_RATE,
    PEAKS_DENSE,
    POPULATED,
    SPAWN_COST,
    SPAWN_FROM,
    SPAWN_RATE,
)
from baselines.probabilistic_field_v0.state import Working, decide, measure
from baselines.probabilistic_field_v0.turnover import take_census
from baselines.probabilistic_field_v1 import FieldCase

from .transport import bounded


def density(case: FieldCase) -> Step:
    """Stage: births at high energy, which they cost; deaths at low energy, which refund."""

    def run(state: Working) -> Working:
        moving = state.moving.numpy()
        dense = bool(moving.mean() >= DENSITY_DENSE)
        branches = decide(state, density_ran=bool(moving.any()), density_dense=dense)
        state = state._replace(branches=branches)
        if not moving.any():
            return state
        here = slice(None) if dense else moving
        E, R = state.E.numpy().copy(), state.R.numpy().copy()
        E[here], R[here], spawn, death = turned_over(E[here], R[here], case.dt, dense)
        state = state._replace(E=torch.from_numpy(E), R=torch.from_numpy(R))
        return take_census(state, torch.from_numpy(spawn), torch.from_numpy(death), case.dt)

    return run


def turned_over(E: np.ndarray, R: np.ndarray, dt: float, dense: bool) -> tuple[np.ndarray, ...]:
    """E, R and both rates; the death rate is that after the births only where it is dense."""
    spawn = np.clip(SPAWN_RATE * (E - SPAWN_FROM), 0, BOUND)
    paid = bounded(E - SPAWN_COST * spawn * dt, 0, ENERGY_CAP)
    death = np.clip(DEATH_RATE * (DEATH_BELOW - (paid if dense else E)), 0, BOUND)
    R = bounded(bounded(R + spawn * dt, 0, BOUND) - death * dt, 0, BOUND)
    return bounded(paid + DEATH_REFUND * death * dt, 0, ENERGY_CAP), R, spawn, death


def consume(case: FieldCase) -> Step:
    """Stage: density costs energy where it is; workspace nodes above 30 lose a little."""

    def run(state: Working) -> Working:
        E, R, w = (field.numpy() for field in (state.E, state.R, state.w))
        populated = R > POPULATED
        g = float(populated.mean())
        dense = g >= CONSUMPTION_DENSE
        if g > 0:
            E = bounded(E - CONSUMPTION * case.dt * R * (populated | dense), 0, ENERGY_CAP)
        w = np.where(w > METABOLISM_FROM, w - METABOLISM * case.dt * w, w).clip(*BAND)
        return state._replace(
            E=torch.from_numpy(E),
            w=torch.from_numpy(w),
            fractions=measure(state, populated=g),
            branches=decide(state, consumed=g > 0, consumption_dense=dense),
        )

    return run


def damp(case: FieldCase) -> Step:
    """Stage: the excess over the peak energy decays; caps are kept; the frame ends."""

    def run(state: Working) -> Working:
        E = state.E.numpy()
        k = float((E > PEAK).mean())
        E = bounded(E - PEAK_RATE * case.dt * np.maximum(E - PEAK, 0), 0, ENERGY_CAP)
        return state._replace(
            E=torch.from_numpy(E),
            frame=state.frame + 1,
            fractions=measure(state, peaked=k),
            branches=decide(state, damped=k > 0, damping_dense=k >= PEAKS_DENSE),
        )

    return run
