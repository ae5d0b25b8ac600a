"""The native loop with c²dt²/dx² and χ²dt² folded into one coefficient each.

Three products fewer a cell. The two large terms, (2 − γ) E and (1 − γ) E_prev, stay apart:
folding the centre weight into them as well would round a coefficient near 2 once and add the
same error at every step (see lattice_field_folded_centre, which is refused for it).
"""

from dataclasses import replace

from baselines.engine import replace_stage
from baselines.lattice_field_v1 import LatticeCase
from baselines.lattice_field_v1 import engine as baseline
from optimizations.lattice_field_numba.implementation import unless_one
from optimizations.lattice_field_numba.loops import Numbers, native


def folded(case: LatticeCase) -> Numbers:
    """One coefficient for the wave term and one for the mass."""
    return Numbers(
        centre=-2.0 * case.d,
        inverse=None,
        speed=(case.c * case.dt / case.dx) ** 2,
        mass=case.dt**2,
        scale=None,
        now=2 - case.gamma,
        before=unless_one(1 - case.gamma),
    )


engine = replace(
    replace_stage(baseline, field=native(folded)),
    in_place=True,
    needs=("numba",),
    opaque="one native kernel a step",
)
