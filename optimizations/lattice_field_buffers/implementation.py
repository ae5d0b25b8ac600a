"""The frozen expression without a single new array: sums over slices into kept buffers.

`torch.roll` materialises a shifted copy of the grid for every neighbour, and every operator
allocates its result. Here neighbours are added through slices, the cyclic edges apart, each
result goes into one of two buffers made once, and E⁺ overwrites E_prev. Operations and their
order are the frozen ones, so every bit is.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from operator import is_

import torch
from torch import Tensor

from baselines.engine import Step, replace_stage
from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline

Work = Iterator[Callable[[], object]]  # calls that are ready to be made, in order


def add_neighbours(total: Tensor, E: Tensor, axis: int) -> Work:
    """Add the cyclic neighbours at −1, then those at +1, along an axis that is whole.

    Along the last axis the whole block is added as one contiguous run, with the cells at the
    seam put right after: slices that leave out one cell of every row are walked row by row.
    """
    n = E.shape[axis]
    for lower, seam, other in ((True, 0, n - 1), (False, n - 1, 0)):
        here, there = (slice(1, None), slice(None, -1))[:: 1 if lower else -1]
        at_seam, across = total.select(axis, seam), E.select(axis, other)
        if axis == E.ndim - 1:
            edge, line = torch.empty_like(at_seam), total.view(-1)[here]
            yield partial(torch.add, at_seam, across, out=edge)
            yield partial(torch.add, line, E.view(-1)[there], out=line)
            yield partial(at_seam.copy_, edge)
        else:
            whole = (slice(None),) * axis
            inner = total[(*whole, here)]
            yield partial(torch.add, inner, E[(*whole, there)], out=inner)
            yield partial(torch.add, at_seam, across, out=at_seam)


def sum_planes(total: Tensor, E: Tensor, first: int, last: int) -> Work:
    """total = E[i − 1] + E[i + 1] for planes first <= i < last, cyclic along axis 0."""
    n = E.shape[0]
    low, high = max(first, 1), min(last, n - 1)
    if high > low:
        inner = total[low - first : high - first]
        yield partial(torch.add, E[low - 1 : high - 1], E[low + 1 : high + 1], out=inner)
    for i in {first, last - 1}:
        if i in (0, n - 1):
            yield partial(torch.add, E[i - 1], E[(i + 1) % n], out=total[i - first])


def expression(case: LatticeCase, ndim: int) -> Callable[..., Work]:
    """finish(total, spare, E, E_prev, chi): E_prev becomes E⁺, given the neighbours' sum."""
    c2, dt2, inverse = case.c * case.c, case.dt * case.dt, 1.0 / (case.dx * case.dx)
    massless = isinstance(case.chi, float) and case.chi == 0 and case.bodies is None

    def finish(total: Tensor, spare: Tensor, E: Tensor, E_prev: Tensor, chi: Tensor) -> Work:
        yield partial(torch.mul, E, -2.0 * ndim, out=spare)
        yield partial(torch.add, total, spare, out=total)
        for factor in (inverse, c2):
            if factor != 1:
                yield partial(torch.mul, total, factor, out=total)
        if not massless:
            yield lambda: total.sub_(torch.mul(chi * chi, E, out=spare))
        yield partial(torch.mul, total, dt2, out=total)
        yield partial(torch.mul, E, 2 - case.gamma, out=spare)
        if case.gamma:
            yield partial(torch.mul, E_prev, 1 - case.gamma, out=E_prev)
        # not E_prev − 2E taken from the sum in one pass: a zero would change its sign
        yield partial(torch.sub, spare, E_prev, out=E_prev)
        yield partial(torch.add, E_prev, total, out=E_prev)

    return finish


def leapfrog(case: LatticeCase, planes: int | None = None) -> Step:
    """The field stage, that many planes at a time (all at once if not said).

    The calls on slices are made ready once for each pair of arrays, and the two arrays of a
    run change places at every step, so two lists of calls serve all of it.
    """
    if case.order != 2:
        raise ValueError(f"order is {case.order}; allowed: 2")
    n = case.shape[0]
    planes = min(planes or n, n)
    total, spare = (torch.empty((planes, *case.shape[1:]), dtype=case.dtype) for _ in range(2))
    finish = expression(case, case.d)

    def work(E: Tensor, E_next: Tensor, chi: Tensor) -> Work:
        for first in range(0, n, planes):
            last = min(first + planes, n)
            here, extra, now = total[: last - first], spare[: last - first], E[first:last]
            yield from sum_planes(here, E, first, last)
            for axis in range(1, case.d):
                yield from add_neighbours(here, now, axis)
            mass = chi[first:last] if chi.ndim else chi
            yield from finish(here, extra, now, E_next[first:last], mass)

    ready: deque[tuple[tuple, list]] = deque(maxlen=2)

    def step(state: LatticeState) -> LatticeState:
        arrays = (state.E, state.E_prev, state.chi)
        found = (calls for known, calls in ready if all(map(is_, known, arrays)))
        calls = next(found, None)
        if calls is None:
            calls = list(work(*arrays))
            ready.append((arrays, calls))
        for call in calls:
            call()
        return state._replace(E=state.E_prev, E_prev=state.E)

    return step


engine = replace(replace_stage(baseline, field=leapfrog), in_place=True)
