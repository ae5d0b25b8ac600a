"""Stages that move energy over the grid: diffusion and flow."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d, pad

from baselines.engine import Step

from .case import FieldCase
from .cells import bounded
from .rules import (
    ACTIVITY,
    BOUND,
    DIFFUSION_GATE,
    DIFFUSIVITY,
    ENERGY_CAP,
    FLOW_DENSE,
    FLOW_RATE,
    MOBILITY,
    Rules,
)
from .state import Working, decide, fraction, measure


def squared_frequencies(case: FieldCase) -> Float[Tensor, "H W"]:
    """f_y² + f_x², in cycles²/cell²."""
    fy, fx = (torch.fft.fftfreq(n, dtype=case.dtype, device=case.device) for n in case.shape)
    return fy[:, None] ** 2 + fx[None, :] ** 2


def diffuse(rules: Rules, case: FieldCase) -> Step:
    """Stage: each wave of E decays by exp(−D k² dt), if the field holds enough energy."""
    q = squared_frequencies(case)
    half = case.shape[1] // 2 + 1
    rate = DIFFUSIVITY * rules.radians**2

    def run(state: Working) -> Working:
        E = state.E
        total = float(E.sum())
        enough = total > DIFFUSION_GATE
        if enough:
            decay = torch.exp(-rate * q[:, :half] * case.dt)
            E = torch.fft.irfft2(torch.fft.rfft2(E) * decay, s=case.shape)
            E = torch.clamp(E, -BOUND, BOUND)
            E = torch.where(torch.isfinite(E), E, torch.zeros_like(E))
        return state._replace(
            E=E, sum_E=torch.full_like(state.sum_E, total), branches=decide(state, diffused=enough)
        )

    return run


def neighbourhood(case: FieldCase, periodic: bool) -> Step:
    """The function that gives the mean of the eight neighbours of each cell, [H, W]."""
    kernel = torch.full((1, 1, 3, 3), 1 / 8, dtype=case.dtype, device=case.device)
    kernel[..., 1, 1] = 0

    def around(field: Float[Tensor, "H W"]) -> Float[Tensor, "H W"]:
        if periodic:
            return conv2d(pad(field[None, None], (1, 1, 1, 1), mode="circular"), kernel)[0, 0]
        return conv2d(field[None, None], kernel, padding=1)[0, 0]

    return around


def flow(rules: Rules, case: FieldCase) -> Step:
    """Stage: every cell sends energy to its neighbours in proportion to its load R E."""
    around = neighbourhood(case, rules.periodic_flow)
    rate = FLOW_RATE * case.dt

    def arriving(load: Tensor, mobility: Tensor) -> Tensor:
        if rules.whole_flow:
            return bounded(around(load * mobility))
        return bounded(around(load)) * bounded(around(mobility))

    def run(state: Working) -> Working:
        load = bounded(state.R * state.E)
        mobility = torch.clamp(1 + state.P, *MOBILITY)
        inflow = bounded(arriving(load, mobility) * rate)
        outflow = bounded(load * mobility * rate)
        net = bounded(inflow - outflow)
        moving = net.abs() > ACTIVITY
        a = fraction(moving)
        dense = a >= FLOW_DENSE
        return state._replace(
            E=take_flow(state.E, net, moving, dense),
            moving=moving,
            fractions=measure(state, active=a),
            branches=decide(state, flow_dense=dense),
        )

    return run


def take_flow(E: Tensor, net: Tensor, moving: Tensor, dense: bool) -> Float[Tensor, "H W"]:
    """E + net within [0, cap], in every cell or only in the moving ones."""
    if dense:
        return bounded(E + net, 0, ENERGY_CAP)
    E = E.clone()
    E[moving] = bounded(E[moving] + net[moving], 0, ENERGY_CAP)
    return E
