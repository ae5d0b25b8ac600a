"""Five steps for one pass over memory in space: temporal blocking, bit for bit.

A single step cannot be faster than memory delivers E and E_prev. Steps that share one pass can.
Cells are made by the loop of `lattice_field_numba_pairs`, on its padded rows.
"""

from dataclasses import replace

import numpy as np

from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline
from optimizations.lattice_field_numba_pairs import implementation as pairs

from .loops import steps

STEPS = 5
TILE_BYTES = 16 * 1024  # of one plane: some dozen planes of E and of E_prev stay in cache


def covers(case: LatticeCase) -> bool:
    """Periodic boxes of unit spacing and speed, undamped, under one mass or none, planes even."""
    return (
        pairs.covers(case)
        and case.shape[0] % 2 == 0
        and case.shape[0] > 4 * STEPS + 4
        and case.shape[1] > 2 * STEPS
    )


def wavefront(case: LatticeCase):
    """Five steps at once on padded states.

    Raises:
        ValueError: for a case that it does not cover.
    """
    if not covers(case):
        raise ValueError(f"got {case.shape} {case.boundary}; allowed: {covers.__doc__}")
    kind = np.dtype(str(case.dtype).removeprefix("torch.")).type
    inertia = None if case.chi == 0 else kind(case.chi) * kind(case.chi)
    factors = kind(-2.0 * case.d), kind(case.dt * case.dt), kind(2), inertia
    row = (case.shape[-1] + 2) * case.dtype.itemsize
    height = max(2 * STEPS + 2, TILE_BYTES // row)

    def padded(state: LatticeState) -> LatticeState:
        steps(state.E.numpy(), state.E_prev.numpy(), STEPS, height, *factors)
        return state._replace(E=state.E_prev, E_prev=state.E) if STEPS % 2 else state

    return padded


engine = replace(
    baseline,
    stepper=wavefront,
    adopt=pairs.adopt,
    observe=pairs.observe,
    in_place=True,
    stride=STEPS,
    needs=("numba",),
    opaque="one native kernel for five steps",
)
