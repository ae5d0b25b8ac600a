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
    kind = np.dtype(str(case.dtype).removeprefix("torch.")).type
    inertia = None if case.chi == 0 else kind(case.chi) * kind(case.chi)
    factors = kind(-2.0 * case.d), kind(case.dt * case.dt), kind(2), inertia

    def padded(state: LatticeState) -> LatticeState:
        step(state.E.numpy(), state.E_prev.numpy(), *factors)
        return state._replace(E=state.E_prev, E_prev=state.E)

    return padded


def adopt(_: LatticeCase, state: LatticeState) -> LatticeState:
    """Each row of E and E_prev with its far cells at both ends, [planes, rows, n + 2]."""
    return state._replace(E=closed(state.E, 0), E_prev=closed(state.E_prev, APART_BYTES))


def closed(E: torch.Tensor, at: int) -> torch.Tensor:
    """E with its far cells, beginning that many bytes into a page."""
    *outer, n = E.shape
    cells = math.prod(outer) * (n + 2)
    pool = E.new_empty(cells + 2 * PAGE_BYTES // E.itemsize)
    first = (at - pool.data_ptr()) % PAGE_BYTES // E.itemsize
    rows = pool[first : first + cells].view(*outer, n + 2)
    return torch.cat([E[..., -1:], E, E[..., :1]], -1, out=rows)


def observe(_: LatticeCase, state: LatticeState) -> LatticeState:
    """The rows without their end cells."""
    return state._replace(
        E=state.E[..., 1:-1].contiguous(), E_prev=state.E_prev[..., 1:-1].contiguous()
    )


engine = replace(
    baseline,
    stepper=native,
    adopt=adopt,
    observe=observe,
    in_place=True,
    needs=("numba",),
    opaque="one native kernel a step",
)
