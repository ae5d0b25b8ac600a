"""One native loop in place: a single pass over memory, every bit kept.

E is read once, E_prev is read and written once, which is the least that a step can move.
numba contracts no a·b + c unless told to, so products and sums round as they do in the frozen
expression; products with an exact 1 and a mass of exactly 0 are left out, which changes no bit.
"""

from dataclasses import replace

from baselines.engine import replace_stage
from baselines.lattice_field_v1 import LatticeCase
from baselines.lattice_field_v1 import engine as baseline

from .loops import Numbers, native


def frozen(case: LatticeCase) -> Numbers:
    """The factors of the frozen expression, without those that are exactly 1."""
    return Numbers(
        centre=-2.0 * case.d,
        inverse=unless_one(1.0 / (case.dx * case.dx)),
        speed=unless_one(case.c * case.c),
        mass=None,
        scale=case.dt * case.dt,
        now=2 - case.gamma,
        before=unless_one(1 - case.gamma),
    )


def unless_one(factor: float) -> float | None:
    return None if factor == 1 else factor


engine = replace(
    replace_stage(baseline, field=native(frozen)),
    in_place=True,
    needs=("numba",),
    opaque="one native kernel a step",
)
