"""Sweeps over all cells as Triton kernels: flow, turnover, decay. One program takes BLOCK cells.

Counts are atomic sums of whole numbers, which have one result in any order; rates are added up
program by program in float64.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from baselines.probabilistic_field_v0.rules import POPULATED
from baselines.probabilistic_field_v1 import FieldCase
from optimizations.probabilistic_field_blocked.stepping import (
    Sweeps,
    advancing,
    frozen_workspace,
    plain,
)
from optimizations.probabilistic_field_blocked.sweeps import populated, show

from .nodes import between, metabolism, workspace

BLOCK = 1024


@triton.jit
def sent(E, R, P, at, inside):
    """What a cell sends: its load, bounded, times its mobility, bounded."""
    e, r, p = tl.load(E + at, inside), tl.load(R + at, inside), tl.load(P + at, inside)
    return between(r * e, -1e6, 1e6) * between(p + 1, 0.1, 2.0)


@triton.jit
def flow(E, R, P, NET, COUNT, K, H, W, BLOCK: tl.constexpr):
    """NET becomes what arrives less what leaves; COUNT the cells that move. K: rate."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < H * W
    y, x = at // W, at % W
    up, down = (y + H - 1) % H * W, (y + 1) % H * W
    left, right, here = (x + W - 1) % W, (x + 1) % W, y * W
    around = sent(E, R, P, up + left, inside) + sent(E, R, P, up + x, inside)
    around += sent(E, R, P, up + right, inside)
    around += sent(E, R, P, here + left, inside)
    around += sent(E, R, P, here + right, inside)
    around += sent(E, R, P, down + left, inside)
    around += sent(E, R, P, down + x, inside)
    around += sent(E, R, P, down + right, inside)
    rate = tl.load(K)
    net = between(around * 0.125, -1e6, 1e6) * rate - sent(E, R, P, at, inside) * rate
    tl.store(NET + at, net, inside)
    moving = inside & (tl.abs(net) > tl.load(K + 1))
    tl.atomic_add(COUNT, tl.sum(moving.to(tl.int64)))


@triton.jit
def take(E, NET, K, n, EVERYWHERE: tl.constexpr, BLOCK: tl.constexpr):
    """E + NET within the cap, everywhere or where it moves."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    e, net = tl.load(E + at, inside), tl.load(NET + at, inside)
    after = between(e + net, 0.0, 1000.0)
    if not EVERYWHERE:
        after = tl.where(tl.abs(net) > tl.load(K + 1), after, e)
    tl.store(E + at, after, inside)


@triton.jit
def turn_over(E, R, NET, RATES, K, n, EVERYWHERE: tl.constexpr, COUNTED: tl.constexpr,
              BLOCK: tl.constexpr):  # fmt: skip
    """Births and deaths; where COUNTED, RATES [2, programs] float64 become the sums of both."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    e, r = tl.load(E + at, inside), tl.load(R + at, inside)
    here = inside
    if not EVERYWHERE:
        here = inside & (tl.abs(tl.load(NET + at, inside)) > tl.load(K + 1))
    birth_rate, death_rate, dt = tl.load(K + 2), tl.load(K + 3), tl.load(K + 4)
    spawn = between((e - 8.0) * birth_rate, 0.0, 1e6)
    energy = between(e - spawn * 5.0 * dt, 0.0, 1000.0)
    lit = energy if EVERYWHERE else e
    death = between((1.0 - lit) * death_rate, 0.0, 1e6)
    density = between(between(r + spawn * dt, 0.0, 1e6) - death * dt, 0.0, 1e6)
    energy = between(energy + death * 0.5 * dt, 0.0, 1000.0)
    tl.store(E + at, energy, here)
    tl.store(R + at, density, here)
    if COUNTED:
        programs = tl.num_programs(0)
        births, deaths = tl.where(here, spawn, 0.0), tl.where(here, death, 0.0)
        tl.store(RATES + tl.program_id(0), tl.sum(births.to(tl.float64)))
        tl.store(RATES + programs + tl.program_id(0), tl.sum(deaths.to(tl.float64)))


@triton.jit
def decay(E, R, COUNT, K, n, EVERYWHERE: tl.constexpr, BLOCK: tl.constexpr):
    """Consumption, then damping; COUNT: cells above the peak in between."""
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    e, r = tl.load(E + at, inside), tl.load(R + at, inside)
    cost = r * tl.load(K + 5)
    if not EVERYWHERE:
        cost = tl.where(r > tl.load(K + 7), cost, 0.0)
    energy = between(e - cost, 0.0, 1000.0)
    over = energy - 100.0
    tl.store(E + at, energy - tl.maximum(over, 0.0) * tl.load(K + 6), inside)
    tl.atomic_add(COUNT, tl.sum((inside & (over > 0)).to(tl.int64)))


def numbers(case: FieldCase) -> Tensor:
    """Constants as an array of the field's own type; handed over they would be float32."""
    dt = case.dt
    exact = (0.15 * dt, 0.01, 0.1, 0.2, dt, 0.02 * dt, 0.3 * dt, POPULATED)
    return torch.tensor(exact, dtype=torch.float64).to(case.device, case.dtype)


def sweeps(case: FieldCase) -> Sweeps:
    """All of them, on fields of that device."""
    (H, W), K, n = case.shape, numbers(case), case.cells
    grid = (triton.cdiv(n, BLOCK),)
    count = torch.zeros((), dtype=torch.int64, device=case.device)
    rates = torch.empty(2, grid[0], dtype=torch.float64, device=case.device)

    def net_flow(E: Tensor, R: Tensor, P: Tensor, net: Tensor) -> int:
        flow[grid](E, R, P, net, count.zero_(), K, H, W, BLOCK=BLOCK)
        return int(count)

    def moved(E: Tensor, net: Tensor, everywhere: bool) -> None:
        take[grid](E, net, K, n, EVERYWHERE=everywhere, BLOCK=BLOCK)

    def turned(E: Tensor, R: Tensor, net: Tensor, everywhere: bool, counted: bool):
        turn_over[grid](E, R, net, rates, K, n, EVERYWHERE=everywhere, COUNTED=counted, BLOCK=BLOCK)
        return tuple(rates.sum(1).tolist()) if counted else (0.0, 0.0)

    def decayed(E: Tensor, R: Tensor, everywhere: bool) -> int:
        decay[grid](E, R, count.zero_(), K, n, EVERYWHERE=everywhere, BLOCK=BLOCK)
        return int(count)

    return Sweeps(
        show=show(case),
        net_flow=net_flow,
        take=moved,
        advance=advancing(turned, populated),
        populated=populated,
        decay=decayed,
        workspace=workspace(case) if plain(case) else frozen_workspace(case),
        metabolize=metabolism(case),
    )
