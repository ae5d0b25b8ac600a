"""The frozen expression without a single new array: sums over slices into kept buffers.

`torch.roll` materialises a shifted copy of the grid for every neighbour, and every operator
allocates its result. Here neighbours are added through slices, the cyclic edges apart, each
result goes into one of two buffers made once, and E⁺ overwrites E_prev. Operations and their
order are the frozen ones, so every bit is.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from baselines.engine import Step, replace_stage
from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline


def add_neighbours(total: Tensor, E: Tensor, axis: int) -> None:
    """Add the cyclic neighbours at −1, then those at +1, along an axis that is whole.

    Along the last axis the whole block is added as one contiguous run, with the cells at the
    seam put right after: slices that leave out one cell of every row are several times slower.
    """
    n = E.shape[axis]
    for lower, seam, other in ((True, 0, n - 1), (False, n - 1, 0)):
        here, there = (slice(1, None), slice(None, -1))[:: 1 if lower else -1]
        if axis == E.ndim - 1:
            edge = total.select(axis, seam) + E.select(axis, other)
            total.view(-1)[here].add_(E.view(-1)[there])
            total.select(axis, seam).copy_(edge)
        else:
            at = (slice(None),) * axis
            total[(*at, here)].add_(E[(*at, there)])
            total.select(axis, seam).add_(E.select(axis, other))


def sum_planes(total: Tensor, E: Tensor, first: int, last: int) -> None:
    """total = E[i − 1] + E[i + 1] for planes first <= i < last, cyclic along axis 0."""
    n = E.shape[0]
    low, high = max(first, 1), min(last, n - 1)
    if high > low:
        inner = total[low - first : high - first]
        torch.add(E[low - 1 : high - 1], E[low + 1 : high + 1], out=inner)
    for i in {first, last - 1}:
        if i in (0, n - 1):
            torch.add(E[i - 1], E[(i + 1) % n], out=total[i - first])


def expression(case: LatticeCase, ndim: int) -> Callable[..., None]:
    """finish(total, spare, E, E_prev, chi): E_prev becomes E⁺, given the neighbours' sum."""
    c2, dt2, inverse = case.c * case.c, case.dt * case.dt, 1.0 / (case.dx * case.dx)

    def finish(total: Tensor, spare: Tensor, E: Tensor, E_prev: Tensor, chi: Tensor) -> None:
        total.add_(torch.mul(E, -2.0 * ndim, out=spare))
        for factor in (inverse, c2):
            if factor != 1:
                total.mul_(factor)
        if chi.ndim or float(chi):
            total.sub_(torch.mul(chi * chi, E, out=spare))
        total.mul_(dt2)
        if case.gamma:
            torch.mul(E, 2 - case.gamma, out=spare)
            torch.sub(E_prev.mul_(1 - case.gamma), spare, out=E_prev)
        else:
            E_prev.sub_(E, alpha=2)  # twice E is exact, so one rounding, as in the frozen line
        torch.sub(total, E_prev, out=E_prev)

    return finish


def leapfrog(case: LatticeCase, planes: int | None = None) -> Step:
    """The field stage, that many planes at a time (all at once if not said)."""
    if case.order != 2:
        raise ValueError(f"order is {case.order}; allowed: 2")
    n = case.shape[0]
    planes = min(planes or n, n)
    block = (planes, *case.shape[1:])
    total, spare = (torch.empty(block, dtype=case.dtype) for _ in range(2))
    finish = expression(case, case.d)

    def step(state: LatticeState) -> LatticeState:
        E, E_next, chi = state.E, state.E_prev, state.chi
        for first in range(0, n, planes):
            last = min(first + planes, n)
            here, extra = total[: last - first], spare[: last - first]
            sum_planes(here, E, first, last)
            for axis in range(1, case.d):
                add_neighbours(here, E[first:last], axis)
            mass = chi[first:last] if chi.ndim else chi
            finish(here, extra, E[first:last], E_next[first:last], mass)
        return state._replace(E=E_next, E_prev=E)

    return step


engine = replace(replace_stage(baseline, field=leapfrog), in_place=True)
