"""Complex tensor field on a flat torus with a diagonal metric, forward Euler in time.

A D × D_out complex matrix T(x, y) lives on every site of a periodic Nx × Ny grid of
spacing 1. Axis 0 is x, axis 1 is y, and S±a is the cyclic shift along axis a:

    L_a   = S+a + S−a − 2                            second difference along axis a
    ∇²_g  = g[0] L_0 + g[1] L_1                      g: diagonal of the inverse metric
    H[T]  = −(ħ²/2m) ∇²_g T + V∘T                    ∘ is elementwise
    Λ[P]  = λ_QR (B[P] − P)                          P: a prior field set by the caller
    B[P]  = w P / (Σ w|P|² + 1e-12),  w = exp(−|P − evidence|²/τ), 1 without evidence
    w_mem = clamp(α ln(1 + n) λ_F, 0, 1)             n: steps remembered, at most `window`

One step, in this order:

    hamiltonian   H ← H[T]
    bayesian      Λ ← Λ[P], zero where there is no prior
    memory        w_mem from the n of before this step (0 on the first)
    advance       T ← T + (dt/iħ) (−(1 − w_mem) H/ħ + Λ + J);  n ← min(n + 1, window)

With Λ = J = V = 0 that is T ← T − i (1 − w_mem) (dt/2m) ∇²_g T: ħ cancels, and the sign
is opposite to Schrödinger's. A plane wave of wave vector k is multiplied per step by

    1 + i dt (1 − w_mem) λ,   λ = Σ_a g[a] (2 − 2 cos k_a) / 2m

so ‖T‖² grows by 1 + (dt (1 − w_mem) λ)²: the growth law, not conservation, is the
invariant. Cases with ``part="kernel"`` time the operator alone: T ← H[T], with ħ such
that the greatest eigenvalue is 1, so that repetition neither blows up nor vanishes.

State, one row of `TensorState` fields each; complex fields have dtype `case.dtype`, and
nothing has a unit (sites, time and field are all pure numbers):

    T         [Nx, Ny, D, D_out] complex   the field, contiguous
    H         [Nx, Ny, D, D_out] complex   H[T] of the T before the step just made
    Lambda    [Nx, Ny, D, D_out] complex   Λ of the step just made
    weight    [] float64                   w_mem of the step just made
    history   [] int64                     n; the fields themselves are read by nothing
    count     [] int64                     steps made; time is count · dt
    prior     [Nx, Ny, D, D_out] complex   P, or [0, 0, 0, 0] where there is none
    evidence  likewise
    current   likewise, J

Physics changes against `tensor_field_v0`, each shown by a test:

    1. neighbours wrap around (they were zero beyond the edge)
    2. g[0] acts on axis 0 and g[1] on axis 1 (they were exchanged)
    3. a metric must be positive and finite, of one entry (isotropic) or at least two,
       of which the first two act (anything was taken, other ranks silently as 1)
    4. the energy is ⟨T|H|T⟩ of the present T (the transpose of the dagger was missing
       and H was that of the previous T)
    5. physical arguments are keyword-only, and the metric may come from
       ``with geometry(g):``, safe across threads and tasks

Kept as found and worth knowing: V has entries on i = j only, so off-diagonal components
feel none; ħ divides V once more and J once less than a unitary equation would have it.

The operators are complex depthwise 3 × 3 convolutions over D·D_out channels whose
kernels are built anew in every call: slow and right. NaN in T propagates.

Stability: forward Euler is unstable for every dt, slowly where dt·2(g[0] + g[1])/m ≪ 1:
white noise grows by about 5 (dt/m)² a step in flat space. Only dt ≤ 2m/ħ² is enforced,
which never bites. Good values: dt = 0.005, ħ = 0.1, m = 1, g of order one; with g = 10
not more than about 50 steps; g = 1000 overflows within 200.

Sources: central differences, B. Fornberg, Math. Comp. 51, 699 (1988),
doi:10.1090/S0025-5718-1988-0935077-0; amplification factors, J. von Neumann and
R. D. Richtmyer, J. Appl. Phys. 21, 232 (1950), doi:10.1063/1.1699639.
"""

from __future__ import annotations

from baselines.engine import Engine

from .cases import CASES
from .diagnostics import (
    elapsed,
    energy,
    energy_without_transpose,
    entropy,
    expectation_energy,
    squared_norm,
    unitarity_deviation,
)
from .geometry import AMBIENT, geometry
from .laws import LAWS
from .operators import hamiltonian, laplacian, metric_laplacian, second_difference
from .potential import Barrier, Harmonic, Level, Well, potential
from .scheme import STAGES, initial, least_bytes
from .state import TensorCase, TensorState, refuse_bad_state

__all__ = [
    "AMBIENT",
    "Barrier",
    "Harmonic",
    "Level",
    "TensorCase",
    "TensorState",
    "Well",
    "elapsed",
    "energy",
    "energy_without_transpose",
    "engine",
    "entropy",
    "expectation_energy",
    "geometry",
    "hamiltonian",
    "laplacian",
    "metric_laplacian",
    "potential",
    "refuse_bad_state",
    "second_difference",
    "squared_norm",
    "unitarity_deviation",
]

FIXED = ("Lambda", "weight", "history", "count", "prior", "evidence", "current")

engine = Engine(
    name="tensor_field_v1",
    cases=CASES,
    initial=initial,
    stages=STAGES,
    laws=LAWS,
    fixed=FIXED,
    least_bytes=least_bytes,
)
