"""Klein-Gordon field on a lattice, with moving sources that it pushes in turn.

Equation, for a real scalar field E(x, t) in d = 2 or 3 dimensions:

    E_tt = c² ∇²E − χ²(x, t) E − (γ/dt) E_t
    m X_tt = −∂/∂X  ½ Σ_x χ²(x − X) E² dx^d                       (each body)

The mass term is χ² = χ_b²(x) + Σ_bodies g s(x − X): a background and one compact
source per body, s a Gaussian of width w or the inside of a ball of radius w.
The body terms are the variation of the same action that gives the field its mass
term, so field and bodies exchange energy and momentum both ways.

State, one row of `Lattice` fields each (dtype = `case.dtype`):

    E         [*shape]  field at time n dt
    E_prev    [*shape]  field at time (n − 1) dt
    chi       [*shape] or []  mass χ of the step just made, 1/time
    position  [bodies, d]  of the bodies at n dt, length
    velocity  [bodies, d]  of the bodies at (n − ½) dt, length/time

Scheme: leapfrog in time, central Laplacian L (order 2, 4 or 6) by cyclic shifts; order 2:

    L    = (Σ_axes (E[i−1] + E[i+1]) − 2d E) / dx²
    E⁺   = ((2 − γ) E − (1 − γ) E_prev) + dt² (c² L − χ² E)
    then the boundary acts on E⁺, axis after axis

Sources: O. Klein, Z. Phys. 37, 895 (1926), doi:10.1007/BF01397481; W. Gordon,
Z. Phys. 40, 117 (1926), doi:10.1007/BF01390840; L. Verlet, Phys. Rev. 159, 98
(1967), doi:10.1103/PhysRev.159.98; variational leapfrog: J. E. Marsden and
M. West, Acta Numerica 10, 357 (2001), doi:10.1017/S096249290100006X.

Stable where dt² (4d c²/dx² + χ²_max) ≤ 4 (16/3 for 4 at order 4, 272/45 at order 6);
anything else is refused.
Good values: dx = 1, c = 1, dt = 0.05, packets of at least eight cells a wavelength.
Where it fails: phase speed falls short by about (k dx)²/24 of itself.
"""

from __future__ import annotations

from baselines.engine import Engine, Stage

from .cases import CASES
from .laws import LAWS
from .scheme import advance, apply_boundary, initial, least_bytes, move_bodies, place_sources
from .state import Bodies, Gaussian, LatticeCase, LatticeState, Packet, Spot, Trap, Well

__all__ = [
    "Bodies",
    "Gaussian",
    "LatticeCase",
    "LatticeState",
    "Packet",
    "Spot",
    "Trap",
    "Well",
    "engine",
]


engine = Engine(
    name="lattice_field_v1",
    cases=CASES,
    initial=initial,
    stages=(
        Stage("sources", place_sources),
        Stage("field", advance),
        Stage("boundary", apply_boundary),
        Stage("bodies", move_bodies),
    ),
    laws=LAWS,
    fixed=("chi", "velocity"),
    least_bytes=least_bytes,
)
