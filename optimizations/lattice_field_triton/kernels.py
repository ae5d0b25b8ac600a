"""The leapfrog step as a Triton kernel.

    E⁺ = ((2 − γ) E − (1 − γ) E_prev) + dt² (c² L − χ² E)

A program makes a tile of whole rows along the last axis; a row of 2-D and 3-D grids alike is
one index, so its neighbours are rows too.
"""

import torch
import triton
import triton.language as tl

from baselines.engine import Step
from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1.state import WEIGHTS

TILE = 1024  # cells of a program


@triton.jit
def ring(E, z, y, x, reach, NZ, NY, NX, inside, D3: tl.constexpr):
    """Sum of the neighbours at that distance, axis after axis, lower one first."""
    up, down = (y + NY - reach) % NY, (y + reach) % NY
    left, right = (x + NX - reach) % NX, (x + reach) % NX
    plane = z * NY
    if D3:
        above, below = (z + NZ - reach) % NZ, (z + reach) % NZ
        around = tl.load(E + (above * NY + y) * NX + x, inside) + tl.load(
            E + (below * NY + y) * NX + x, inside
        )
        around = around + tl.load(E + (plane + up) * NX + x, inside)
        around = around + tl.load(E + (plane + down) * NX + x, inside)
    else:
        around = tl.load(E + up * NX + x, inside) + tl.load(E + down * NX + x, inside)
    around = around + tl.load(E + (plane + y) * NX + left, inside)
    return around + tl.load(E + (plane + y) * NX + right, inside)


@triton.jit
def leapfrog(E, P, chi, K, NZ, NY, NX, D3: tl.constexpr, REACH: tl.constexpr, MASS: tl.constexpr,
             ROWS: tl.constexpr, WIDE: tl.constexpr):  # fmt: skip
    """P becomes E⁺. K: now, before, centre, inverse, speed, scale, weights of the rings.

    MASS: 0 where χ is one number, 1 where it is a field.
    """
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)[:, None]
    x = tl.program_id(1) * WIDE + tl.arange(0, WIDE)[None, :]
    inside = (row < NZ * NY) & (x < NX)
    z, y = row // NY, row % NY
    at = row * NX + x
    e, p = tl.load(E + at, inside), tl.load(P + at, inside)
    total = ring(E, z, y, x, 1, NZ, NY, NX, inside, D3)
    if REACH > 1:
        total = tl.load(K + 6) * total
        for reach in tl.static_range(2, REACH + 1):
            further = ring(E, z, y, x, reach, NZ, NY, NX, inside, D3)
            total = total + tl.load(K + 5 + reach) * further
    wave = tl.load(K + 4) * ((total + tl.load(K + 2) * e) * tl.load(K + 3))
    m = tl.load(chi + at, inside) if MASS else tl.load(chi)
    inertia = (m * m) * e
    inertial = tl.load(K) * e - tl.load(K + 1) * p
    tl.store(P + at, inertial + tl.load(K + 5) * (wave - inertia), inside)


def field(case: LatticeCase) -> Step:
    """The field stage on states of that device, in place."""
    centre, *weights = WEIGHTS[case.order]
    dx2, c2, dt2 = case.dx * case.dx, case.c * case.c, case.dt * case.dt
    numbers = (2 - case.gamma, 1 - case.gamma, case.d * centre, 1.0 / dx2, c2, dt2, *weights)
    K = torch.tensor(numbers, dtype=torch.float64).to(case.device, case.dtype)
    NZ, NY, NX = (1,) * (3 - case.d) + tuple(case.shape)
    WIDE = min(TILE, triton.next_power_of_2(NX))
    ROWS = TILE // WIDE
    grid = (triton.cdiv(NZ * NY, ROWS), triton.cdiv(NX, WIDE))
    shape = {"D3": case.d == 3, "REACH": len(weights), "ROWS": ROWS, "WIDE": WIDE}

    def step(state: LatticeState) -> LatticeState:
        E, P, chi = (t.contiguous() for t in (state.E, state.E_prev, state.chi))
        leapfrog[grid](E, P, chi, K, NZ, NY, NX, MASS=chi.ndim > 0, enable_fp_fusion=False, **shape)
        return state._replace(E=P, E_prev=E)

    return step
