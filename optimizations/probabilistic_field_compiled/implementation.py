"""The sweeps over the field compiled by torch, each fused into one loop; FFTs stay a library's.

`dynamic=False`: a second shape in the same process would otherwise switch to symbolic sizes and
lose vectorization. What a cell sends is written to a padded array first, whose shifted slices
are then read: as shifts of the whole grid, eight times over, it would be computed eight times.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from baselines.probabilistic_field_v0.rules import (
    ACTIVITY,
    BOUND,
    CONSUMPTION,
    DEATH_BELOW,
    DEATH_RATE,
    DEATH_REFUND,
    ENERGY_CAP,
    FLOW_RATE,
    MOBILITY,
    PEAK,
    PEAK_RATE,
    POPULATED,
    SPAWN_COST,
    SPAWN_FROM,
    SPAWN_RATE,
)
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1 import engine as baseline
from optimizations.probabilistic_field_blocked.diffusion import by_axes
from optimizations.probabilistic_field_blocked.stepping import (
    Sweeps,
    advancing,
    canonical,
    frozen_workspace,
    plain,
    stepping,
)
from optimizations.probabilistic_field_blocked.sweeps import NEIGHBOURS, eager, populated, turning

from .nodes import workspace


def fused(case: FieldCase) -> Sweeps:
    """The sweeps over all cells and the seeding, compiled; the rest as it was."""
    (H, W), dt = case.shape, case.dt
    sent = torch.empty((H + 2, W + 2), dtype=case.dtype)

    def send(E: Tensor, R: Tensor, P: Tensor, sent: Tensor) -> None:
        load = torch.clamp(R * E, -BOUND, BOUND)
        sent[1:-1, 1:-1].copy_(load * torch.clamp(1 + P, *MOBILITY))

    def arrive(sent: Tensor, net: Tensor) -> Tensor:
        around = sent[0:H, 0:W]
        for y, x in NEIGHBOURS[1:]:
            around = around + sent[y : y + H, x : x + W]
        inflow = torch.clamp(around * (1 / 8), -BOUND, BOUND) * (FLOW_RATE * dt)
        flow = inflow - sent[1:-1, 1:-1] * (FLOW_RATE * dt)
        net.copy_(flow)
        return (flow.abs() > ACTIVITY).sum()

    def take(E: Tensor, net: Tensor, everywhere: bool) -> None:
        after = torch.clamp(E + net, 0, ENERGY_CAP)
        E.copy_(after if everywhere else torch.where(net.abs() > ACTIVITY, after, E))

    def turn_over(E: Tensor, R: Tensor, net: Tensor, everywhere: bool) -> None:
        spawn = torch.clamp(SPAWN_RATE * (E - SPAWN_FROM), 0, BOUND)
        energy = torch.clamp(E - SPAWN_COST * spawn * dt, 0, ENERGY_CAP)
        lit = energy if everywhere else E
        death = torch.clamp(DEATH_RATE * (DEATH_BELOW - lit), 0, BOUND)
        density = torch.clamp(torch.clamp(R + spawn * dt, 0, BOUND) - death * dt, 0, BOUND)
        energy = torch.clamp(energy + DEATH_REFUND * death * dt, 0, ENERGY_CAP)
        here = net.abs() > ACTIVITY
        R.copy_(density if everywhere else torch.where(here, density, R))
        E.copy_(energy if everywhere else torch.where(here, energy, E))

    def decay(E: Tensor, R: Tensor, everywhere: bool) -> Tensor:
        cost = CONSUMPTION * dt * R
        if not everywhere:
            cost = torch.where(R > POPULATED, cost, 0.0)
        energy = torch.clamp(E - cost, 0, ENERGY_CAP)
        over = energy - PEAK
        E.copy_(energy - PEAK_RATE * dt * torch.clamp(over, min=0))
        return (over > 0).sum()

    torch._dynamo.reset()
    send, arrive, take, turn_over, decay = (
        torch.compile(f, dynamic=False, fullgraph=True)
        for f in (send, arrive, take, turn_over, decay)
    )

    def net_flow(E: Tensor, R: Tensor, P: Tensor, net: Tensor) -> int:
        send(E, R, P, sent)
        sent[0, 1:-1], sent[-1, 1:-1] = sent[-2, 1:-1], sent[1, 1:-1]
        sent[:, 0], sent[:, -1] = sent[:, -2], sent[:, 1]
        return int(arrive(sent, net))

    census = turning(case)

    def turn(E: Tensor, R: Tensor, net: Tensor, everywhere: bool, count: bool):
        if count:
            return census(E, R, net, everywhere, count)
        turn_over(E, R, net, everywhere)
        return 0.0, 0.0

    return eager(case)._replace(
        net_flow=net_flow,
        take=take,
        advance=advancing(turn, populated),
        decay=lambda *given: int(decay(*given)),
        workspace=workspace(case) if plain(case) else frozen_workspace(case),
    )


engine = replace(
    baseline,
    stepper=stepping(fused, by_axes),
    adopt=canonical,
    observe=canonical,
    in_place=True,
    needs=("compiler",),
    opaque="compiled sweeps",
)
