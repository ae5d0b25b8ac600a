"""Klein-Gordon field on a lattice as it was found: order 4, stability and walls amiss.

Equation, state, starts and step are those of `lattice_field_v1`, whose docstring has
them with units and sources; bodies are left out. Here order 2 is the same, and order 4
exists in two dimensions only. What differs, each a defect that a test shows:

    1. Order 4 puts the weights of the compact nine-point stencil (centre −10/3, sides
       2/3, diagonals 1/6) on the axes, with the 1/6 at distance 2:
           L E = (2/3 Σ E[i ± 1] + 1/6 Σ E[i ± 2] − 10/3 E) / dx²
       Its second moment along an axis is 8/3 and not 2, so it tends to (4/3) ∇² as
       k dx → 0: waves are too fast by √(4/3), at every resolution.
    2. The energy that is watched, ``central_energy``, is not what the scheme conserves;
       its drift of about 1e-2 is its own truncation error.
    3. Stability is judged by c dt/dx ≤ 1/√d, blind to χ: a mass that makes the scheme
       explode starts without a word.
    4. The absorbing layer's default factor of 1.0 stands for 0: a rigid wall that sends
       all of the energy back. Other factors multiply, as in version 1.

Good values: order 2, c dt/dx well below 1/√d, and dt χ well below 2.

Sources: compact stencil, L. Collatz, The Numerical Treatment of Differential Equations,
3rd ed., Springer (1960), appendix, table VI; Courant bound, R. Courant, K. Friedrichs
and H. Lewy, Math. Ann. 100, 32 (1928), doi:10.1007/BF01448839.
"""

from __future__ import annotations

from baselines.engine import Engine, Stage
from baselines.lattice_field_v1.laws import central_energy
from baselines.lattice_field_v1.scheme import least_bytes

from .cases import CASES
from .laws import LAWS
from .scheme import advance, apply_boundary, initial, laplacian
from .state import FoundCase

__all__ = ["FoundCase", "central_energy", "engine", "laplacian"]

engine = Engine(
    name="lattice_field_v0",
    cases=CASES,
    initial=initial,
    stages=(Stage("field", advance), Stage("boundary", apply_boundary)),
    laws=LAWS,
    fixed=("chi", "position", "velocity"),
    least_bytes=least_bytes,
)
