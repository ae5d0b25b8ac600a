"""Stages that make and use up: births and deaths, consumption, damping of peaks."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from baselines.engine import Step

from .case import FieldCase
from .cells import bounded, changed
from .rules import (
    BAND,
    BOUND,
    CENSUS_CAP,
    CENSUS_EVERY,
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
    Rules,
)
from .state import Working, decide, fraction, measure


def spawn_rate(E: Tensor) -> Tensor:
    """Density per time born where energy is high."""
    return torch.clamp(SPAWN_RATE * (E - SPAWN_FROM), 0, BOUND)


def death_rate(E: Tensor) -> Tensor:
    """Density per time lost where energy is low."""
    return torch.clamp(DEATH_RATE * (DEATH_BELOW - E), 0, BOUND)


def density(rules: Rules, case: FieldCase) -> Step:
    """Stage: births at high energy, which they cost; deaths at low energy, which refund."""

    def run(state: Working) -> Working:
        if not bool(state.moving.any()):
            return state._replace(branches=decide(state, density_ran=False, density_dense=False))
        dense = fraction(state.moving) >= DENSITY_DENSE
        change = turn_over_all if dense else turn_over_moving
        E, R, spawn, death = change(state.E, state.R, state.moving, case.dt)
        if float(R.max()) > 1.1 * BOUND or float(R.min()) < -0.1:
            R = torch.clamp(R, 0, BOUND)
        state = state._replace(
            E=E, R=R, branches=decide(state, density_ran=True, density_dense=dense)
        )
        counts = rules.count_dense or not dense
        return take_census(state, spawn, death, case.dt) if counts else state

    return run


def turn_over_moving(E: Tensor, R: Tensor, moving: Tensor, dt: float) -> tuple[Tensor, ...]:
    """E, R and both rates; in moving cells only, both rates from the same energy."""
    E, R = E.clone(), R.clone()
    energy = E[moving]
    spawn, death = spawn_rate(energy), death_rate(energy)
    R[moving] = bounded(R[moving] + spawn * dt, 0, BOUND)
    E[moving] = bounded(E[moving] - SPAWN_COST * spawn * dt, 0, ENERGY_CAP)
    R[moving] = bounded(R[moving] - death * dt, 0, BOUND)
    E[moving] = bounded(E[moving] + DEATH_REFUND * death * dt, 0, ENERGY_CAP)
    return E, R, spawn, death


def turn_over_all(E: Tensor, R: Tensor, _: Bool[Tensor, "H W"], dt: float) -> tuple[Tensor, ...]:
    """E, R and both rates; in every cell, the death rate after the births are paid."""
    spawn = spawn_rate(E)
    R = bounded(R + spawn * dt, 0, BOUND)
    E = bounded(E - SPAWN_COST * spawn * dt, 0, ENERGY_CAP)
    death = death_rate(E)
    R = bounded(R - death * dt, 0, BOUND)
    E = bounded(E + DEATH_REFUND * death * dt, 0, ENERGY_CAP)
    return E, R, spawn, death


def take_census(state: Working, spawn: Tensor, death: Tensor, dt: float) -> Working:
    """Every so many frames, births and deaths of the whole interval at the present rates."""
    if int(state.frame) % CENSUS_EVERY:
        return state
    born, dead = (
        int(min(min(max(float(rate.sum()), 0.0), CENSUS_CAP) * CENSUS_EVERY * dt, CENSUS_CAP))
        for rate in (spawn, death)
    )
    return state._replace(spawns=state.spawns + born, deaths=state.deaths + dead)


def consume(rules: Rules, case: FieldCase) -> Step:
    """Stage: density costs energy where it is; workspace nodes above 30 lose a little."""

    def run(state: Working) -> Working:
        E, R = state.E, state.R
        populated = R > POPULATED
        g = fraction(populated)
        anywhere, dense = bool(populated.any()), g >= CONSUMPTION_DENSE
        if anywhere:
            cost = CONSUMPTION * case.dt * R
            if not dense:
                cost = torch.where(populated, cost, torch.zeros_like(cost))
            E = bounded(E - cost, 0, ENERGY_CAP)
        return state._replace(
            E=E,
            w=metabolize(state.w, case.dt, case.dtype),
            fractions=measure(state, populated=g),
            branches=decide(state, consumed=anywhere, consumption_dense=dense),
        )

    return run


def metabolize(w: Tensor, dt: float, wide: torch.dtype) -> Float[Tensor, "h columns"]:
    """w less 0.01 dt w where above 30, within the band."""
    cost = (METABOLISM * dt * w.to(wide)).to(w.dtype)
    return torch.where(w > METABOLISM_FROM, changed(w, -cost, wide), w).clamp(*BAND)


def damp(rules: Rules, case: FieldCase) -> Step:
    """Stage: the excess over the peak energy decays; caps are kept; the frame ends."""

    def run(state: Working) -> Working:
        E = state.E
        peaked = E > PEAK
        k = fraction(peaked)
        anywhere, dense = bool(peaked.any()), k >= PEAKS_DENSE
        if anywhere:
            loss = PEAK_RATE * case.dt * torch.clamp(E - PEAK, min=0)
            E = bounded(E - loss, 0, ENERGY_CAP)
        E = torch.where(torch.isfinite(E), E, torch.zeros_like(E))
        E = torch.clamp(torch.clamp(E, -BOUND, BOUND), 0, ENERGY_CAP)
        return state._replace(
            E=E,
            frame=state.frame + 1,
            fractions=measure(state, peaked=k),
            branches=decide(state, damped=anywhere, damping_dense=dense),
        )

    return run
