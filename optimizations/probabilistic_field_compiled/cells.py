"""The sweeps over all cells, each to be fused into one loop, or two where a count comes between.

What a sweep counts decides in the same graph whether what follows goes everywhere, so that
nothing waits for Python in between. Expressions and their order are the frozen ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from baselines.probabilistic_field_v0.rules import (
    ACTIVITY,
    BOUND,
    CONSUMPTION,
    CONSUMPTION_DENSE,
    DEATH_BELOW,
    DEATH_RATE,
    DEATH_REFUND,
    ENERGY_CAP,
    FLOW_DENSE,
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

# a loop asks for its threads when it runs, so that one graph serves any number of them
ANY_THREADS = {"cpp.dynamic_threads": True}


class Cells(NamedTuple):
    """Sweeps over all cells, in place.

    Attributes:
        send: (E, R, P, own): what every cell sends, into ``own``.
        arrive: (E, net, own, around): what arrives from the eight shifts of all that is sent less
            what leaves, into ``net``, and taken by E; how many cells move.
        live: (E, R, net, everywhere): births and deaths, then consumption and damping; how many
            cells are populated, and how many peaked.
    """

    send: Callable[[Tensor, Tensor, Tensor, Tensor], None]
    arrive: Callable[[Tensor, Tensor, Tensor, list[Tensor]], Tensor]
    live: Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def fewest(share: float, cells: int) -> int:
    """The least count that is that share of all cells, as the frozen engine divides."""
    near = int(share * cells)
    return next(n for n in range(max(near - 1, 0), near + 3) if n / cells >= share)


def above(level: float, everywhere: Tensor, like: Tensor) -> Tensor:
    """That level, or one that every size exceeds: one comparison vectorizes better than two."""
    return torch.where(everywhere, like.new_full((), -1.0), like.new_full((), level))


def to_loops(graph: Callable) -> Callable:
    """Compiled by torch, anew for each shape."""
    return torch.compile(graph, dynamic=False, fullgraph=True, options=ANY_THREADS)


def compiled(case: FieldCase) -> Cells:
    """For the shape of the case."""
    dt = case.dt
    flow_dense, consumption_dense = (
        fewest(share, case.cells) for share in (FLOW_DENSE, CONSUMPTION_DENSE)
    )

    def send(E: Tensor, R: Tensor, P: Tensor, own: Tensor) -> None:
        load = torch.clamp(R * E, -BOUND, BOUND)
        own.copy_(load * torch.clamp(1 + P, *MOBILITY))

    def arrive(E: Tensor, net: Tensor, own: Tensor, around: list[Tensor]) -> Tensor:
        total = around[0]
        for other in around[1:]:
            total = total + other
        inflow = torch.clamp(total * (1 / 8), -BOUND, BOUND) * (FLOW_RATE * dt)
        flow = inflow - own * (FLOW_RATE * dt)
        count = (flow.abs() > ACTIVITY).sum()
        level = above(ACTIVITY, count >= flow_dense, E)
        net.copy_(flow)
        E.copy_(torch.where(flow.abs() > level, torch.clamp(E + flow, 0, ENERGY_CAP), E))
        return count

    def turn_over(E: Tensor, R: Tensor, net: Tensor, everywhere: Tensor) -> tuple[Tensor, Tensor]:
        spawn = torch.clamp(SPAWN_RATE * (E - SPAWN_FROM), 0, BOUND)
        energy = torch.clamp(E - SPAWN_COST * spawn * dt, 0, ENERGY_CAP)
        lit = torch.where(everywhere, energy, E)
        death = torch.clamp(DEATH_RATE * (DEATH_BELOW - lit), 0, BOUND)
        density = torch.clamp(torch.clamp(R + spawn * dt, 0, BOUND) - death * dt, 0, BOUND)
        energy = torch.clamp(energy + DEATH_REFUND * death * dt, 0, ENERGY_CAP)
        here = net.abs() > above(ACTIVITY, everywhere, E)
        return torch.where(here, energy, E), torch.where(here, density, R)

    def live(E: Tensor, R: Tensor, net: Tensor, everywhere: Tensor) -> tuple[Tensor, Tensor]:
        energy, density = turn_over(E, R, net, everywhere)
        count = (density > POPULATED).sum()
        level = above(POPULATED, count >= consumption_dense, E)
        cost = torch.where(density > level, CONSUMPTION * dt * density, 0.0)
        energy = torch.clamp(energy - cost, 0, ENERGY_CAP)
        over = energy - PEAK
        E.copy_(energy - PEAK_RATE * dt * torch.clamp(over, min=0))
        R.copy_(density)
        return count, (over > 0).sum()

    return Cells(*map(to_loops, (send, arrive, live)))
