"""The leapfrog step as native loops, for any arithmetic of a cell.

Factors that are None are left out when a loop is compiled for them, so one set of loops
serves every variant at full speed. Loops run over a plane as one contiguous line; the two
columns at the seam, where the line runs into the next row, are put right afterwards from the
values saved before. Planes are taken in tiles of rows, so that three planes of E and one of
E_prev stay in the second-level cache.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numba import njit

from baselines.engine import Step
from baselines.lattice_field_v1 import LatticeCase, LatticeState

TILE_BYTES = 64 * 1024  # of one plane


class Numbers(NamedTuple):
    """Factors of one cell's arithmetic; None means that the factor is left out.

    E⁺ = (now·E − before·E_prev) + scale·(speed·((Σ + centre·E)·inverse) − mass·χ²·E)
    """

    centre: float | None
    inverse: float | None
    speed: float | None
    mass: float | None
    scale: float | None
    now: float
    before: float | None

    def rounded(self, case: LatticeCase) -> tuple:
        """Each factor rounded once to the field's type."""
        kind = np.dtype(str(case.dtype).removeprefix("torch.")).type
        return tuple(None if x is None else kind(x) for x in self)


@njit(cache=True, nogil=True)
def cell(around, e, p, chi, centre, inverse, speed, mass, scale, now, before):
    """E⁺ of one cell from the sum over its neighbours."""
    wave = around
    if centre is not None:
        wave = wave + centre * e
    if inverse is not None:
        wave = wave * inverse
    if speed is not None:
        wave = speed * wave
    if chi is not None:
        squared = chi * chi
        if mass is not None:
            squared = mass * squared
        wave = wave - squared * e
    if scale is not None:
        wave = scale * wave
    if before is not None:
        p = before * p
    return (now * e - p) + wave


@njit(cache=True, nogil=True)
def line_2d(up, down, e, p, chi, uniform, k, stop):
    """p[i] = E⁺ for 1 <= i < stop; the mass is a line of its own or one number.

    Indices start at 1 so that the compiler sees that i − 1 is no index from the end, which
    would cost vectorisation.
    """
    for i in range(1, stop):
        around = ((up[i] + down[i]) + e[i - 1]) + e[i + 1]
        if chi is not None:
            p[i] = cell(around, e[i], p[i], chi[i], *k)
        else:
            p[i] = cell(around, e[i], p[i], uniform, *k)


@njit(cache=True, nogil=True)
def line_3d(above, below, up, down, e, p, chi, uniform, k, stop):
    """p[i] = E⁺ for 1 <= i < stop; see line_2d."""
    for i in range(1, stop):
        around = ((((above[i] + below[i]) + up[i]) + down[i]) + e[i - 1]) + e[i + 1]
        if chi is not None:
            p[i] = cell(around, e[i], p[i], chi[i], *k)
        else:
            p[i] = cell(around, e[i], p[i], uniform, *k)


@njit(cache=True, nogil=True)
def part(chi, first):
    """A line of the mass from there on; None where there is no line."""
    if chi is not None:
        return chi[first:]
    return None


@njit(cache=True, nogil=True)
def one(around, e, p, chi, uniform, i, k):
    """E⁺ of a single cell, the mass from a line at i or one number."""
    if chi is not None:
        return cell(around, e, p, chi[i], *k)
    return cell(around, e, p, uniform, *k)


@njit(cache=True, nogil=True)
def step_2d(E, P, chi, uniform, k):
    """P becomes E⁺. The mass is ``chi`` [rows, n], or ``uniform``, or both None."""
    rows, n = E.shape
    m = n - 1
    line = None if chi is None else chi[0]
    for y in range(rows):
        up, down, e, p = E[y - 1], E[y + 1 if y + 1 < rows else 0], E[y], P[y]
        if chi is not None:
            line = chi[y]
        left = one(((up[0] + down[0]) + e[m]) + e[1], e[0], p[0], line, uniform, 0, k)
        right = one(((up[m] + down[m]) + e[m - 1]) + e[0], e[m], p[m], line, uniform, m, k)
        line_2d(up, down, e, p, line, uniform, k, m)
        p[0], p[m] = left, right


@njit(cache=True, nogil=True)
def seam(above, below, e, p, saved, chi, uniform, k, first, last, rows, n):
    """The first and last cell of each row of a tile, from what was there before."""
    m = n - 1
    for y in range(first, last):
        up, down = (y - 1 if y else rows - 1) * n, (y + 1 if y + 1 < rows else 0) * n
        a = y * n
        sides = ((above[a] + below[a]) + e[up]) + e[down]
        p[a] = one((sides + e[a + m]) + e[a + 1], e[a], saved[y, 0], chi, uniform, a, k)
        b = a + m
        sides = ((above[b] + below[b]) + e[up + m]) + e[down + m]
        p[b] = one((sides + e[b - 1]) + e[a], e[b], saved[y, 1], chi, uniform, b, k)


@njit(cache=True, nogil=True)
def plane(above, below, e, p, saved, chi, uniform, k, first, last, rows, n):
    """Rows first..last of a plane, each plane given as one contiguous line."""
    bottom = (rows - 1) * n
    for y in range(first, last):
        saved[y, 0], saved[y, 1] = p[y * n], p[y * n + n - 1]
    if first == 0:
        line_3d(above, below, e[bottom:], e[n:], e, p, chi, uniform, k, n - 1)
    o = max(first, 1) * n
    stop = min(last, rows - 1) * n - o
    if stop > 0:
        mass = part(chi, o)
        line_3d(above[o:], below[o:], e[o - n :], e[o + n :], e[o:], p[o:], mass, uniform, k, stop)
    if last == rows:
        o = bottom
        mass = part(chi, o)
        line_3d(above[o:], below[o:], e[o - n :], e, e[o:], p[o:], mass, uniform, k, n - 1)
    seam(above, below, e, p, saved, chi, uniform, k, first, last, rows, n)


@njit(cache=True, nogil=True)
def step_3d(E, P, chi, uniform, k):
    """P becomes E⁺. The mass is ``chi`` [planes, rows, n], or ``uniform``, or both None."""
    planes, rows, n = E.shape
    size = rows * n
    saved = np.empty((rows, 2), E.dtype)
    line = None if chi is None else chi[0].reshape(size)
    tile = max(1, TILE_BYTES // (n * E.itemsize))
    for first in range(0, rows, tile):
        last = min(first + tile, rows)
        for z in range(planes):
            above = E[z - 1].reshape(size)
            below = E[z + 1 if z + 1 < planes else 0].reshape(size)
            if chi is not None:
                line = chi[z].reshape(size)
            e, p = E[z].reshape(size), P[z].reshape(size)
            plane(above, below, e, p, saved, line, uniform, k, first, last, rows, n)


def native(numbers: Callable[[LatticeCase], Numbers]) -> Callable[[LatticeCase], Step]:
    """A builder of the field stage, given the arithmetic of one cell."""

    def build(case: LatticeCase) -> Step:
        if case.order != 2:
            raise ValueError(f"order is {case.order}; allowed: 2")
        kernel = step_2d if case.d == 2 else step_3d
        k = numbers(case).rounded(case)
        spread = not isinstance(case.chi, float) or case.bodies is not None
        massless = not spread and case.chi == 0

        def step(state: LatticeState) -> LatticeState:
            chi = state.chi.numpy() if spread else None
            uniform = None if spread or massless else state.chi.numpy()[()]
            kernel(state.E.numpy(), state.E_prev.numpy(), chi, uniform, k)
            return state._replace(E=state.E_prev, E_prev=state.E)

        return step

    return build
