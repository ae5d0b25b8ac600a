"""Two planes at a time in place, on rows padded by their wrap-around cells: bit for bit.

The native loop of `lattice_field_numba` repairs two cells a row after each line, and reads E
three times from the second-level cache. Here a row carries copies of its far ends, and two
planes made together read each other once.
"""

import math
from dataclasses import replace

import numpy as np
import torch

from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline

from .loops import step

PAGE_BYTES = 4096
APART_BYTES = 2304  # a load that follows a store to the same place of another page has to wait


def covers(case: LatticeCase) -> bool:
    """Periodic boxes of unit spacing and speed, undamped, under one mass or none."""
    plain = (case.boundary, case.order, case.gamma, case.dx, case.c) == ("periodic", 2, 0, 1, 1)
    return plain and case.d == 3 and isinstance(case.chi, float) and case.bodies is None


def native(case: LatticeCase):
    """The step on padded states.

    Raises:
        ValueError: for a case that it does not cover.
    """
    if not covers(case):
        raise ValueError(f"got {case.shape} {case.boundary}; allowed: {covers.__doc__}")
    factors = rounded(case)

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
    """Each row of E and E_prev with its far cells at both ends, [planes, rows, n + 2]."""
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
    rows = pool[first : first + cells].view(*outer, width)
    return torch.index_select(E, -1, (torch.arange(width) - 1) % n, out=rows)


def observe(case: LatticeCase, state: LatticeState) -> LatticeState:
    """The n cells of each row."""
    n = case.shape[-1]
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
