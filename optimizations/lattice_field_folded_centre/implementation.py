"""The native loop with the centre weight folded as well: a E − E_prev + b Σ, a = 2 − γ − 2d b.

The textbook rewriting: two products a cell. But a lies near 2, so its one rounding, up to
1.1e-16 of E, is added at every step with the same sign, and leapfrog sums it up twice.
"""

from dataclasses import replace

from baselines.engine import replace_stage
from baselines.lattice_field_v1 import LatticeCase
from baselines.lattice_field_v1 import engine as baseline
from optimizations.lattice_field_numba.implementation import unless_one
from optimizations.lattice_field_numba.loops import Numbers, native


def centred(case: LatticeCase) -> Numbers:
    """The centre weight and 2 − γ as one coefficient."""
    courant = (case.c * case.dt / case.dx) ** 2
    return Numbers(
        centre=None,
        inverse=None,
        speed=courant,
        mass=case.dt**2,
        scale=None,
        now=2 - case.gamma - 2 * case.d * courant,
        before=unless_one(1 - case.gamma),
    )


engine = replace(
    replace_stage(baseline, field=native(centred)),
    in_place=True,
    needs=("numba",),
    opaque="one native kernel a step",
)
