"""Two planes at a time in place, bit for bit.

The native loop of `lattice_field_numba` repairs two cells a row after each line, and reads E
three times from the second-level cache. Here two planes made together read each other once, and
a row takes its far ends into the first and the last of its vectors. Rows that are no whole number
of vectors carry copies of their far ends instead.
"""

import math
from dataclasses import replace

import numpy as np
import torch
from numba import config

from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline

from . import loops, rows

PAGE_BYTES = 4096
APART_BYTES = 2304  # a load that follows a store to the same place of another page has to wait


def covers(case: LatticeCase) -> bool:
    """Periodic boxes of unit spacing and speed, undamped, under one mass or none."""
    plain = (case.boundary, case.order, case.gamma, case.dx, case.c) == ("periodic", 2, 0, 1, 1)
    return plain and case.d == 3 and isinstance(case.chi, float) and case.bodies is None


def whole(case: LatticeCase) -> bool:
    """Whether its planes are pairs and its rows two vectors or more, none of them partial."""
    vector = rows.VECTOR_BYTES // case.dtype.itemsize
    planes, *_, n = case.shape
    return not config.DISABLE_JIT and planes % 2 == 0 and n % vector == 0 and n >= 2 * vector


def native(case: LatticeCase):
    """The step on states as ``adopt`` gives them.

    Raises:
        ValueError: for a case that it does not cover.
    """
    if not covers(case):
        raise ValueError(f"got {case.shape} {case.boundary}; allowed: {covers.__doc__}")
    step, factors = rows.step if whole(case) else loops.step, rounded(case)

    def advance(state: LatticeState) -> LatticeState:
        step(state.E.numpy(), state.E_prev.numpy(), *factors)
        return state._replace(E=state.E_prev, E_prev=state.E)

    return advance


def rounded(case: LatticeCase) -> tuple:
    """(−2d, dt², 2, χ²), each rounded once to the field's type; χ² is None where χ = 0."""
    kind = np.dtype(str(case.dtype).removeprefix("torch.")).type
    inertia = None if case.chi == 0 else kind(case.chi) * kind(case.chi)
    return kind(-2.0 * case.d), kind(case.dt * case.dt), kind(2), inertia


def adopt(case: LatticeCase, state: LatticeState) -> LatticeState:
    """The state as it is, or rows with their far cells at both ends, [planes, rows, n + 2]."""
    if whole(case):
        return state._replace(E=state.E.contiguous(), E_prev=state.E_prev.contiguous())
    return padded(state, case.shape[-1] + 2, 0)


def padded(state: LatticeState, width: int, at: int) -> LatticeState:
    """E, ``at`` bytes into a page, and E_prev, apart from it, on rows of so many cells."""
    E, E_prev = closed(state.E, width, at), closed(state.E_prev, width, at + APART_BYTES)
    return state._replace(E=E, E_prev=E_prev)


def closed(E: torch.Tensor, width: int, at: int) -> torch.Tensor:
    """E on rows that begin at cell −1 and go on periodically, ``at`` bytes into a page.

    What lies beyond cell n is never read, but computed: it must be no zeros, whose
    neighbourhood would become denormal.
    """
    *outer, n = E.shape
    cells = math.prod(outer) * width
    pool = E.new_empty(cells + 2 * PAGE_BYTES // E.itemsize)
    first = (at - pool.data_ptr()) % PAGE_BYTES // E.itemsize
    lines = pool[first : first + cells].view(*outer, width)
    lines[..., 0], lines[..., 1 : n + 1] = E[..., -1], E
    lines[..., n + 1 :] = E[..., torch.arange(width - n - 1) % n]
    return lines


def observe(case: LatticeCase, state: LatticeState) -> LatticeState:
    """The n cells of each row."""
    n = case.shape[-1]
    if state.E.shape[-1] == n:
        return state
    E, E_prev = (x[..., 1 : n + 1].contiguous() for x in (state.E, state.E_prev))
    return state._replace(E=E, E_prev=E_prev)


engine = replace(
    baseline,
    stepper=native,
    adopt=adopt,
    observe=observe,
    in_place=True,
    needs=("numba",),
    opaque="one native kernel a step",
)
