"""Four steps for one pass over memory in the plane: temporal blocking, bit for bit.

A single step cannot be faster than memory delivers E and E_prev. Four steps that share one pass
can. The rows are laid out so that no two of them, and no row of E and one of E_prev, begin at
the same place of a page: a load that looks like the store before it would have to wait.
"""

from dataclasses import replace

from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline
from optimizations.lattice_field_numba_pairs import implementation as pairs

from .loops import steps

STEPS = 4
ROW_BYTES = 512  # between a row and the next, as places in a page
LINE_BYTES = 64


def covers(case: LatticeCase) -> bool:
    """Periodic planes of unit spacing and speed, undamped, under one mass or none, rows even."""
    plain = (case.boundary, case.order, case.gamma, case.dx, case.c) == ("periodic", 2, 0, 1, 1)
    simple = plain and case.d == 2 and isinstance(case.chi, float) and case.bodies is None
    return simple and case.shape[0] % 2 == 0 and case.shape[0] > 2 * STEPS


def wavefront(case: LatticeCase):
    """Four steps at once on padded states.

    Raises:
        ValueError: for a case that it does not cover.
    """
    if not covers(case):
        raise ValueError(f"got {case.shape} {case.boundary}; allowed: {covers.__doc__}")
    width, factors = case.shape[-1] + 2, pairs.rounded(case)

    def advance(state: LatticeState) -> LatticeState:
        steps(state.E.numpy(), state.E_prev.numpy(), STEPS, width, *factors)
        return state  # an even number of steps leaves the newest where it was

    return advance


def adopt(case: LatticeCase, state: LatticeState) -> LatticeState:
    """Each row with its far cells at both ends and a gap behind; cell 0 begins a cache line."""
    size = case.dtype.itemsize
    row = (case.shape[-1] + 2) * size
    pitch = row + (ROW_BYTES - row) % pairs.PAGE_BYTES
    return pairs.padded(state, pitch // size, LINE_BYTES - size)


engine = replace(
    baseline,
    stepper=wavefront,
    adopt=adopt,
    observe=pairs.observe,
    in_place=True,
    stride=STEPS,
    needs=("numba",),
    opaque="one native kernel for four steps",
)
