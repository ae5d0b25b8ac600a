"""Four steps for one pass over memory in the plane: temporal blocking, bit for bit.

A single step cannot be faster than memory delivers E and E_prev. Four steps that share one pass
can. The rows are laid out so that no two of them, and no row of E and one of E_prev, begin at
the same place of a page: a load that looks like the store before it would have to wait.
"""

from dataclasses import replace

import numpy as np
import torch

from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline

from .loops import steps

STEPS = 4
PAGE_BYTES = 4096
APART_BYTES = 2304  # between E and E_prev, as places in a page
ROW_BYTES = 512  # between a row and the next, as places in a page


def covers(case: LatticeCase) -> bool:
    """Periodic planes of unit spacing and speed, undamped, under one mass or none, rows even."""
    plain = (case.boundary, case.order, case.gamma, case.dx, case.c) == ("periodic", 2, 0, 1, 1)
    simple = plain and case.d == 2 and isinstance(case.chi, float) and case.bodies is None
    return simple and case.shape[0] % 2 == 0 and case.shape[0] > 4 * STEPS + 4


def wavefront(case: LatticeCase):
    """Four steps at once on padded states.

    Raises:
        ValueError: for a case that it does not cover.
    """
    if not covers(case):
        raise ValueError(f"got {case.shape} {case.boundary}; allowed: {covers.__doc__}")
    kind = np.dtype(str(case.dtype).removeprefix("torch.")).type
    inertia = None if case.chi == 0 else kind(case.chi) * kind(case.chi)
    factors = kind(-2.0 * case.d), kind(case.dt * case.dt), kind(2), inertia
    width = case.shape[-1] + 2

    def padded(state: LatticeState) -> LatticeState:
        steps(state.E.numpy(), state.E_prev.numpy(), STEPS, width, *factors)
        return state  # an even number of steps leaves the newest where it was

    return padded


def adopt(case: LatticeCase, state: LatticeState) -> LatticeState:
    """Each row with its far cells at both ends and a gap behind."""
    return state._replace(E=closed(state.E, 0), E_prev=closed(state.E_prev, APART_BYTES))


def closed(E: torch.Tensor, at: int) -> torch.Tensor:
    """E with its far cells in rows of their own pitch, beginning ``at`` bytes into a page."""
    rows, n = E.shape
    size = E.itemsize
    pitch = n + 2 + (ROW_BYTES - (n + 2) * size) % PAGE_BYTES // size
    pool = E.new_zeros(rows * pitch + 2 * PAGE_BYTES // size)
    first = (at - pool.data_ptr()) % PAGE_BYTES // size
    grid = pool[first : first + rows * pitch].view(rows, pitch)
    grid[:, : n + 2] = torch.cat([E[:, -1:], E, E[:, :1]], -1)
    return grid


def observe(case: LatticeCase, state: LatticeState) -> LatticeState:
    """The rows without their end cells."""
    n = case.shape[-1]
    E, E_prev = (x[:, 1 : n + 1].contiguous() for x in (state.E, state.E_prev))
    return state._replace(E=E, E_prev=E_prev)


engine = replace(
    baseline,
    stepper=wavefront,
    adopt=adopt,
    observe=observe,
    in_place=True,
    stride=STEPS,
    needs=("numba",),
    opaque="one native kernel for four steps",
)
