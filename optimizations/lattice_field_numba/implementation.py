"""One native loop in place: a single pass over memory, every bit kept.

Each row is updated from its neighbours' rows while they are in cache: E is read once,
E_prev is read and written once, which is the least that a step can move. numba contracts no
a·b + c unless told to, so products and sums round as they do in the frozen expression.
"""

from dataclasses import replace

import numpy as np
from numba import njit

from baselines.engine import Step, replace_stage
from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline


@njit(inline="always")
def cell(around, e, p, chi, k):
    """The frozen expression, given the sum over neighbours; k as `constants` orders them."""
    wave = k[2] * ((around + k[0] * e) * k[1])
    return (k[4] * e - k[5] * p) + k[3] * (wave - (chi * chi) * e)


@njit(cache=True, nogil=True)
def step_2d(E, P, chi, k):
    """P becomes E⁺. ``chi`` has one row and one column, or as many as E."""
    rows, n = E.shape
    tall, wide = chi.shape[0] > 1, chi.shape[1] > 1
    for y in range(rows):
        e, p, mass = E[y], P[y], chi[y if tall else 0]
        up, down = E[y - 1], E[y + 1 if y + 1 < rows else 0]
        first = cell(((up[0] + down[0]) + e[n - 1]) + e[1], e[0], p[0], mass[0], k)
        z = n - 1
        last = cell(((up[z] + down[z]) + e[z - 1]) + e[0], e[z], p[z], mass[z if wide else 0], k)
        if wide:
            for x in range(1, n - 1):
                around = ((up[x] + down[x]) + e[x - 1]) + e[x + 1]
                p[x] = cell(around, e[x], p[x], mass[x], k)
        else:
            chi0 = mass[0]
            for x in range(1, n - 1):
                around = ((up[x] + down[x]) + e[x - 1]) + e[x + 1]
                p[x] = cell(around, e[x], p[x], chi0, k)
        p[0], p[z] = first, last


@njit(cache=True, nogil=True)
def step_3d(E, P, chi, k):
    """P becomes E⁺. ``chi`` has one cell, or as many as E."""
    planes, rows, n = E.shape
    wide = chi.shape[2] > 1
    for z in range(planes):
        above, below = E[z - 1], E[z + 1 if z + 1 < planes else 0]
        for y in range(rows):
            e, p = E[z, y], P[z, y]
            a, b, c, d = above[y], below[y], E[z, y - 1], E[z, y + 1 if y + 1 < rows else 0]
            mass = chi[z, y] if wide else chi[0, 0]
            m = n - 1
            first = cell(((((a[0] + b[0]) + c[0]) + d[0]) + e[m]) + e[1], e[0], p[0], mass[0], k)
            last = cell(
                ((((a[m] + b[m]) + c[m]) + d[m]) + e[m - 1]) + e[0],
                e[m], p[m], mass[m if wide else 0], k,
            )  # fmt: skip
            if wide:
                for x in range(1, m):
                    around = ((((a[x] + b[x]) + c[x]) + d[x]) + e[x - 1]) + e[x + 1]
                    p[x] = cell(around, e[x], p[x], mass[x], k)
            else:
                chi0 = mass[0]
                for x in range(1, m):
                    around = ((((a[x] + b[x]) + c[x]) + d[x]) + e[x - 1]) + e[x + 1]
                    p[x] = cell(around, e[x], p[x], chi0, k)
            p[0], p[m] = first, last


def constants(case: LatticeCase) -> tuple:
    """Centre weight, 1/dx², c², dt², 2 − γ, 1 − γ, each rounded once to the field's type."""
    kind = np.dtype(str(case.dtype).removeprefix("torch.")).type
    numbers = (-2.0 * case.d, 1.0 / (case.dx * case.dx), case.c * case.c, case.dt * case.dt,
               2 - case.gamma, 1 - case.gamma)  # fmt: skip
    return tuple(kind(x) for x in numbers)


def native(kernel_2d, kernel_3d, constants):
    """A builder of the field stage from two kernels and their numbers."""

    def build(case: LatticeCase) -> Step:
        if case.order != 2:
            raise ValueError(f"order is {case.order}; allowed: 2")
        kernel = kernel_2d if case.d == 2 else kernel_3d
        k = constants(case)

        def step(state: LatticeState) -> LatticeState:
            chi = state.chi if state.chi.ndim else state.chi.reshape((1,) * case.d)
            kernel(state.E.numpy(), state.E_prev.numpy(), chi.numpy(), k)
            return state._replace(E=state.E_prev, E_prev=state.E)

        return step

    return build


engine = replace(
    replace_stage(baseline, field=native(step_2d, step_3d, constants)),
    in_place=True,
    needs=("numba",),
    opaque="one native kernel a step",
)
