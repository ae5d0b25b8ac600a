"""Complex tensor field as it was found: walls of zeros, axes exchanged, a stale energy.

State, parameters, starts, the Bayesian and memory hooks and the Euler step are those of
`tensor_field_v1`, whose docstring has the equations. What differs, each a defect that a
test shows:

    1. Beyond the edge T is zero, though the grid is meant to be a torus: the neighbours
       of a 3 × 3 convolution with padding "same" (which neither reflects nor wraps).
    2. The axes are exchanged. The difference called x has its [1, −2, 1] in a row of the
       kernel, and rows run along the last image axis, which is array axis 1:
           ∇²_g = g[0] L_1 + g[1] L_0
    3. The metric is read as Python numbers and never checked: zero, negative, NaN and
       infinite entries are computed with. One entry is isotropic; a tensor that is not
       1-d, or is empty, silently counts as 1.
    4. ``energy`` is Re Σ conj(T_ij) H_ji, a dagger without its transpose, and reads the H
       of the T before the last step.
    5. Physical arguments are positional, and there is no ambient geometry.

With S zero-padded, L_a is still symmetric, so the norm grows exactly as in version 1; the
eigenmodes are sin(π k (x + 1)/(N + 1)) with 2 − 2 cos(π k/(N + 1)) in place of plane
waves; a constant is none of them and loses at the rim; Σ_xy T is not kept.

Stability and good values: as `tensor_field_v1`.
"""

from __future__ import annotations

from baselines.engine import Engine
from baselines.tensor_field_v1 import FIXED
from baselines.tensor_field_v1.diagnostics import energy_without_transpose, expectation_energy
from baselines.tensor_field_v1.scheme import least_bytes
from baselines.tensor_field_v1.scheme import start as initial

from .cases import CASES
from .laws import LAWS
from .operators import hamiltonian, laplacian, laplacian_x, laplacian_y
from .scheme import STAGES, energy

__all__ = [
    "energy",
    "energy_without_transpose",
    "engine",
    "expectation_energy",
    "hamiltonian",
    "initial",
    "laplacian",
    "laplacian_x",
    "laplacian_y",
]

engine = Engine(
    name="tensor_field_v0",
    cases=CASES,
    initial=initial,
    stages=STAGES,
    laws=LAWS,
    fixed=FIXED,
    least_bytes=least_bytes,
)
