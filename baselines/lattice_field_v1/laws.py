"""What the lattice field conserves and obeys, each as an experiment with a residual."""

from __future__ import annotations

import math

import torch

from baselines.engine import Law, Run

from .scheme import laplacian
from .state import LatticeCase, LatticeState, axes, symbol

EXPERIMENT = 50  # steps: enough for rounding to show, few enough for every judgement


def lossless(case: LatticeCase) -> bool:
    """No damping, nothing moving, no boundary that takes energy."""
    return case.gamma == 0 and case.bodies is None and case.boundary == "periodic"


def uniform(case: LatticeCase) -> bool:
    """Lossless, and the same mass everywhere: plane waves are exact solutions."""
    return lossless(case) and isinstance(case.chi, float)


def invariant(case: LatticeCase, state: LatticeState) -> float:
    """Q = ½‖(E − E_prev)/dt‖² + ½⟨E, (−c²L + χ²) E_prev⟩, exactly constant.

    It follows from pairing the leapfrog equation with E⁺ − E_prev, L being symmetric.
    """
    E, E_prev, chi = (t.double() for t in (state.E, state.E_prev, state.chi))
    kinetic = ((E - E_prev) / case.dt).square().sum()
    stress = -(case.c**2) * laplacian(E_prev, case.dx, case.order) + chi.square() * E_prev
    return float(0.5 * kinetic + 0.5 * (E * stress).sum())


def central_energy(case: LatticeCase, state: LatticeState) -> float:
    """½Σ[((E − E_prev)/dt)² + c²|∇E|² + χ²E²] dx^d with central differences.

    A common monitor. Not what the scheme conserves: its drift is its own truncation
    error, about 1e-2 for a packet of 16 cells a wavelength.
    """
    E, chi = state.E.double(), state.chi.double()
    kinetic = ((E - state.E_prev.double()) / case.dt).square()
    slopes = (
        ((torch.roll(E, -1, a) - torch.roll(E, 1, a)) / (2 * case.dx)).square()
        for a in range(E.ndim)
    )
    density = kinetic + case.c**2 * sum(slopes) + chi.square() * E.square()
    return float(0.5 * density.sum() * case.dx**case.d)


def invariant_drift(case: LatticeCase, start: LatticeState, run: Run) -> float:
    before = invariant(case, start)
    return abs(invariant(case, run(start, min(case.steps, EXPERIMENT))) - before) / abs(before)


def reversal_error(case: LatticeCase, start: LatticeState, run: Run) -> float:
    steps = min(case.steps, EXPERIMENT)
    there = run(start, steps)
    back = run(there._replace(E=there.E_prev, E_prev=there.E), steps)
    return float((back.E - start.E_prev).abs().max() / start.E_prev.abs().max())


def wave(case: LatticeCase, modes: tuple[int, ...], t: float) -> torch.Tensor:
    """cos(k·x − ωt) with ω from the lattice's own dispersion relation:

    sin²(ω dt/2) 4/dt² = c² Σ S(k_i dx)/dx² + χ², k_i = 2π modes_i / (n_i dx), with S the
    symbol of the second difference, 4 sin²(k_i dx/2) at order 2.
    """
    k = [2 * math.pi * m / (n * case.dx) for m, n in zip(modes, case.shape, strict=True)]
    stiffness = sum(symbol(ki * case.dx, case.order) for ki in k) * case.c**2 / case.dx**2
    omega = 2 / case.dt * math.asin(case.dt / 2 * math.sqrt(stiffness + case.chi**2))
    phase = sum(ki * x for ki, x in zip(k, axes(case), strict=True))
    return torch.cos(phase - omega * t)


def dispersion_error(case: LatticeCase, start: LatticeState, run: Run) -> float:
    """Worst departure of plane waves, along each axis and oblique, from the exact wave."""
    steps, worst = min(case.steps, EXPERIMENT), 0.0
    directions = [tuple(int(a == b) for b in range(case.d)) for a in range(case.d)]
    for modes in [*directions, tuple(range(1, case.d + 1))]:
        now, before, after = (wave(case, modes, t * case.dt).to(start.E) for t in (0, -1, steps))
        end = run(start._replace(E=now, E_prev=before), steps)
        worst = max(worst, float((end.E - after).abs().max()))
    return worst


def reach_error(case: LatticeCase, start: LatticeState, run: Run) -> float:
    """Largest value outside |x|₁ ≤ n·order/2 after n steps from a spike."""
    reach = case.order // 2
    steps = max(1, min(3, (min(case.shape) - 2) // (2 * reach)))
    spike = torch.zeros_like(start.E)
    middle = tuple(n // 2 for n in case.shape)
    spike[middle] = 1.0
    end = run(start._replace(E=spike, E_prev=torch.zeros_like(spike)), steps)
    index = (torch.arange(n) for n in case.shape)
    apart = (
        (i - m).abs() for i, m in zip(torch.meshgrid(*index, indexing="ij"), middle, strict=True)
    )
    outside = sum(apart) > steps * reach
    if not float(end.E[middle].abs()) > 0:
        return math.inf
    return float(end.E[outside].abs().max())


LAWS = (
    Law(
        "exact invariant",
        "Q = ½‖(E − E⁻)/dt‖² + ½⟨E, (−c²L + χ²) E⁻⟩ is constant",
        invariant_drift,
        1e-12,
        lossless,
    ),
    Law(
        "time reversal",
        "exchanging the two times runs the field back to its start",
        reversal_error,
        1e-12,
        lossless,
    ),
    Law(
        "lattice dispersion",
        "sin²(ω dt/2) 4/dt² = c² Σ 4 sin²(k dx/2)/dx² + χ², on every axis",
        dispersion_error,
        1e-11,
        uniform,
    ),
    Law(
        "domain of dependence",
        "after n steps a spike has reached |x|₁ ≤ n·order/2 and nothing else",
        reach_error,
        0.0,
        lossless,
    ),
)
