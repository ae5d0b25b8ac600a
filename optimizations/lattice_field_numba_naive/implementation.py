"""The step as the first loops that one writes under `@njit`: cell after cell, a new array.

A yardstick, not a proposal: what numba gives before anybody thinks about seams, tiles or memory.
"""

from typing import NamedTuple

import numpy as np
import torch
from numba import njit

from baselines.engine import Step, replace, replace_stage
from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline


class Factors(NamedTuple):
    """E⁺ = now·E − before·E_prev + rate·(Σ − sides·E) − mass·χ²·E, in the field's type."""

    now: float
    before: float
    rate: float
    sides: float
    mass: float

    @classmethod
    def of(cls, case: LatticeCase) -> "Factors":
        kind = np.dtype(str(case.dtype).removeprefix("torch.")).type
        rate, mass = (case.c * case.dt / case.dx) ** 2, case.dt**2
        return cls(*map(kind, (2 - case.gamma, 1 - case.gamma, rate, 2 * case.d, mass)))


@njit(cache=True, nogil=True)
def cell(around, e, before, chi, k):
    """E⁺ of one cell from the sum over its neighbours."""
    force = k.rate * (around - k.sides * e) - k.mass * (chi * chi * e)
    return k.now * e - k.before * before + force


@njit(cache=True, nogil=True)
def step_2d(E, E_prev, chi, after, k):
    """after = E⁺, [rows, columns]; index −1 is the last."""
    Y, X = E.shape
    for y in range(Y):
        for x in range(X):
            around = E[y - 1, x] + E[(y + 1) % Y, x] + E[y, x - 1] + E[y, (x + 1) % X]
            after[y, x] = cell(around, E[y, x], E_prev[y, x], chi[y, x], k)


@njit(cache=True, nogil=True)
def step_3d(E, E_prev, chi, after, k):
    """after = E⁺, [planes, rows, columns]; index −1 is the last."""
    Z, Y, X = E.shape
    for z in range(Z):
        for y in range(Y):
            for x in range(X):
                around = E[z - 1, y, x] + E[(z + 1) % Z, y, x]
                around += E[z, y - 1, x] + E[z, (y + 1) % Y, x]
                around += E[z, y, x - 1] + E[z, y, (x + 1) % X]
                after[z, y, x] = cell(around, E[z, y, x], E_prev[z, y, x], chi[z, y, x], k)


def looped(case: LatticeCase) -> Step:
    """The field stage, E⁺ = (2 − γ) E − (1 − γ) E_prev + dt² (c² L − χ² E)."""
    if case.order != 2:
        raise ValueError(f"order is {case.order}; allowed: 2")
    kernel, k = step_2d if case.d == 2 else step_3d, Factors.of(case)

    def step(state: LatticeState) -> LatticeState:
        after = torch.empty_like(state.E)
        chi = np.broadcast_to(state.chi.numpy(), after.shape)
        kernel(state.E.numpy(), state.E_prev.numpy(), chi, after.numpy(), k)
        return state._replace(E=after, E_prev=state.E)

    return step


engine = replace(
    replace_stage(baseline, field=looped), needs=("numba",), opaque="one native kernel a step"
)
