"""Ten steps for one pass over memory in space: temporal blocking, bit for bit.

A single step cannot be faster than memory delivers E and E_prev. Steps that share one pass can.
Cells are made by the loop of `lattice_field_numba_pairs`, on rows that begin at a cache line: out
of memory's way a load that touches two lines counts.
"""

from dataclasses import replace

from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline
from optimizations.lattice_field_numba_pairs import implementation as pairs

from .loops import steps

STEPS = 10
TILE_BYTES = 32 * 1024  # of one plane: eight planes of E and of E_prev stay in a megabyte
LINE_BYTES = 64


def covers(case: LatticeCase) -> bool:
    """Periodic boxes of unit spacing and speed, undamped, under one mass or none, planes even."""
    return pairs.covers(case) and case.shape[0] % 2 == 0 and min(case.shape[:2]) > 2 * STEPS


def wavefront(case: LatticeCase):
    """Ten steps at once on padded states.

    Raises:
        ValueError: for a case that it does not cover.
    """
    if not covers(case):
        raise ValueError(f"got {case.shape} {case.boundary}; allowed: {covers.__doc__}")
    n, factors = case.shape[-1], pairs.rounded(case)
    height = max(2 * STEPS + 2, TILE_BYTES // (width(case) * case.dtype.itemsize))

    def advance(state: LatticeState) -> LatticeState:
        steps(state.E.numpy(), state.E_prev.numpy(), STEPS, height, n, *factors)
        return state._replace(E=state.E_prev, E_prev=state.E) if STEPS % 2 else state

    return advance


def width(case: LatticeCase) -> int:
    """Cells of a row with its far ends, in whole cache lines."""
    line = LINE_BYTES // case.dtype.itemsize
    return -(-(case.shape[-1] + 2) // line) * line


def adopt(case: LatticeCase, state: LatticeState) -> LatticeState:
    """Rows whose cell 0 begins a cache line, the far cell before it ends one."""
    return pairs.padded(state, width(case), LINE_BYTES - case.dtype.itemsize)


engine = replace(
    baseline,
    stepper=wavefront,
    adopt=adopt,
    observe=pairs.observe,
    in_place=True,
    stride=STEPS,
    needs=("numba",),
    opaque="one native kernel for ten steps",
)
