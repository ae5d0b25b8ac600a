"""The sweeps as torch calls into kept buffers, on blocks of rows that stay in cache.

A state that is finite stays finite, so a value is clamped and not asked whether it is a number;
bounds that no value can reach (net flows stay below 3000 dt) are left out. The rest are the
frozen operations in the frozen order.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from baselines.probabilistic_field_v0.rules import (
    ACTIVITY,
    BAND,
    BOUND,
    CONSUMPTION,
    DEATH_BELOW,
    DEATH_RATE,
    DEATH_REFUND,
    ENERGY_CAP,
    FLOW_RATE,
    IMAGE_DENSITY,
    IMAGE_ENERGY,
    IMAGE_GAIN,
    METABOLISM,
    METABOLISM_FROM,
    MOBILITY,
    PEAK,
    PEAK_RATE,
    POPULATED,
    SENSED_DENSITY_CAP,
    SPAWN_COST,
    SPAWN_FROM,
    SPAWN_RATE,
)
from baselines.probabilistic_field_v1 import FieldCase

from .nodes import workspace
from .stepping import Sweeps, advancing, frozen_workspace, plain

BLOCK_BYTES = 256 * 1024  # of each of the arrays at work
NEIGHBOURS = [(dy, dx) for dy in range(3) for dx in range(3) if (dy, dx) != (1, 1)]


def blocks(case: FieldCase) -> list[slice]:
    """Rows, a cache-sized block at a time."""
    rows = max(1, BLOCK_BYTES // (case.shape[1] * case.dtype.itemsize))
    return [slice(y, min(y + rows, case.shape[0])) for y in range(0, case.shape[0], rows)]


def parts(at: list[slice], *fields: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """The same rows of several fields, block after block."""
    for rows in at:
        yield tuple(field[rows] for field in fields)


def show(case: FieldCase):
    """The image takes its region, in place."""
    if case.images is None:
        return None
    region = case.images.region

    def run(E: Tensor, R: Tensor, image: Tensor) -> None:
        whole = image.dtype == torch.uint8
        image = image.to(case.dtype)
        if tuple(image.shape) != region.shape:
            image = interpolate(image[None, None], size=region.shape, mode="bilinear")[0, 0]
        if whole or float(image.max()) > 1:
            image = image / 255
        e = (image * IMAGE_GAIN).clamp_(0, ENERGY_CAP)
        torch.mul(e, IMAGE_ENERGY, out=E[region.slices])
        R[region.slices].add_(e.mul_(IMAGE_DENSITY)).clamp_(max=SENSED_DENSITY_CAP)

    return run


def net_flow(case: FieldCase):
    """(E, R, P, net): what every cell sends, then what arrives less what leaves."""
    (H, W), rate, at = case.shape, FLOW_RATE * case.dt, blocks(case)
    sent = torch.empty((H + 2, W + 2), dtype=case.dtype)
    size = (at[0].stop, W)
    one, two = (torch.empty(size, dtype=case.dtype) for _ in range(2))

    def send(E: Tensor, R: Tensor, P: Tensor) -> None:
        for rows, e, r, p in zip(at, *zip(*parts(at, E, R, P), strict=True), strict=True):
            load, mobility = one[: len(e)], two[: len(e)]
            torch.mul(r, e, out=load).clamp_(-BOUND, BOUND)
            torch.add(p, 1, out=mobility).clamp_(*MOBILITY)
            torch.mul(load, mobility, out=sent[rows.start + 1 : rows.stop + 1, 1:-1])
        sent[0, 1:-1], sent[-1, 1:-1] = sent[-2, 1:-1], sent[1, 1:-1]
        sent[:, 0], sent[:, -1] = sent[:, -2], sent[:, 1]

    def run(E: Tensor, R: Tensor, P: Tensor, net: Tensor) -> int:
        send(E, R, P)
        moving = 0
        for rows in at:
            n, here, out = rows.stop - rows.start, net[rows], one[: rows.stop - rows.start]
            near = [sent[rows.start + y : rows.stop + y, x : x + W] for y, x in NEIGHBOURS]
            torch.add(near[0], near[1], out=here)
            for other in near[2:]:
                here.add_(other)
            here.mul_(1 / 8).clamp_(-BOUND, BOUND).mul_(rate)
            torch.mul(sent[rows.start + 1 : rows.stop + 1, 1:-1], rate, out=out)
            here.sub_(out)
            moving += int(torch.count_nonzero(torch.abs(here, out=two[:n]) > ACTIVITY))
        return moving

    return run


def take(case: FieldCase):
    """(E, net, everywhere): E + net within the caps."""
    at = blocks(case)

    def run(E: Tensor, net: Tensor, everywhere: bool) -> None:
        for e, flow in parts(at, E, net):
            if everywhere:
                e.add_(flow).clamp_(0, ENERGY_CAP)
            else:
                after = (e + flow).clamp_(0, ENERGY_CAP)
                torch.where(flow.abs() > ACTIVITY, after, e, out=e)

    return run


def turn_over(e: Tensor, r: Tensor, everywhere: bool, dt: float) -> tuple[Tensor, Tensor]:
    """Births and deaths of a block, in place; both rates."""
    spawn = (e - SPAWN_FROM).mul_(SPAWN_RATE).clamp_(0, BOUND)
    death = None if everywhere else (DEATH_BELOW - e).mul_(DEATH_RATE).clamp_(0, BOUND)
    r.add_(spawn * dt).clamp_(0, BOUND)
    e.sub_((spawn * SPAWN_COST).mul_(dt)).clamp_(0, ENERGY_CAP)
    if everywhere:
        death = (DEATH_BELOW - e).mul_(DEATH_RATE).clamp_(0, BOUND)
    r.sub_(death * dt).clamp_(0, BOUND)
    e.add_((death * DEATH_REFUND).mul_(dt)).clamp_(0, ENERGY_CAP)
    return spawn, death


def turning(case: FieldCase):
    """(E, R, net, everywhere, count): births and deaths; the sums of both rates, if counted."""
    at = blocks(case)

    def run(E: Tensor, R: Tensor, net: Tensor, everywhere: bool, count: bool):
        births = deaths = 0.0
        for e, r, flow in parts(at, E, R, net):
            if everywhere:
                rates = turn_over(e, r, True, case.dt)
            else:
                here = flow.abs() > ACTIVITY
                some_e, some_r = e[here], r[here]
                rates = turn_over(some_e, some_r, False, case.dt)
                e[here], r[here] = some_e, some_r
            if count:
                births += float(rates[0].sum(dtype=torch.float64))
                deaths += float(rates[1].sum(dtype=torch.float64))
        return births, deaths

    return run


def decay(case: FieldCase):
    """(E, R, everywhere): consumption, then damping; how many cells are peaked in between."""
    at = blocks(case)

    def run(E: Tensor, R: Tensor, everywhere: bool) -> int:
        peaked = 0
        for e, r in parts(at, E, R):
            cost = r * (CONSUMPTION * case.dt)
            if not everywhere:
                cost.mul_(r > POPULATED)
            over = e.sub_(cost).clamp_(0, ENERGY_CAP) - PEAK
            peaked += int(torch.count_nonzero(over > 0))
            e.sub_(over.clamp_(min=0).mul_(PEAK_RATE * case.dt)).clamp_(min=0)
        return peaked

    return run


def metabolize(case: FieldCase):
    """(w): nodes above 30 lose a little."""

    def run(w: Tensor) -> None:
        cost = (w * (METABOLISM * case.dt)).mul_(w > METABOLISM_FROM)
        w.sub_(cost).clamp_(*BAND)

    return run


def populated(R: Tensor) -> int:
    """How many cells are."""
    return int(torch.count_nonzero(R > POPULATED))


def eager(case: FieldCase) -> Sweeps:
    """All sweeps as torch calls."""
    return Sweeps(
        show=show(case),
        net_flow=net_flow(case),
        take=take(case),
        advance=advancing(turning(case), populated),
        populated=populated,
        decay=decay(case),
        workspace=workspace(case) if plain(case) else frozen_workspace(case),
        metabolize=metabolize(case),
    )
