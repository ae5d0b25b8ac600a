"""Start and stages as found."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import baselines.lattice_field_v1.scheme as v1
from baselines.engine import Step
from baselines.lattice_field_v1 import LatticeState

from .state import FoundCase, mended

CENTRE, NEAR, FAR = -10 / 3, 2 / 3, 1 / 6  # of a compact stencil, whose FAR is diagonal


def refuse_courant(case: FoundCase) -> None:
    """Raise a ValueError where c dt/dx > 1/√d; χ is not looked at."""
    courant, bound = case.c * case.dt / case.dx, 1 / math.sqrt(case.d)
    if courant > bound:
        raise ValueError(
            f"dt is {case.dt}: c·dt/dx = {courant:.4g}, allowed: at most 1/√{case.d} = {bound:.4g}"
        )


def initial(case: FoundCase) -> LatticeState:
    """The start: field now and one step earlier, and mass.

    Raises:
        ValueError: c dt/dx above 1/√d, or values that are not finite.
    """
    refuse_courant(case)
    E, E_prev = (case.start.at(case, t).to(case.dtype) for t in (0.0, -case.dt))
    nobody = torch.zeros((0, case.d), dtype=case.dtype)
    chi = v1.mass(case, nobody.double()).to(case.dtype)
    state = LatticeState(E, E_prev, chi, nobody, nobody.clone())
    v1.refuse_bad_state(case, state)
    return LatticeState(*(t.to(case.device) for t in state))


def laplacian(E: Tensor, dx: float, order: int = 2) -> Tensor:
    """Laplacian with cyclic shifts, [*shape]; at order 4 it tends to (4/3) ∇².

    Raises:
        ValueError: order 4 in other than two dimensions, or an order other than 2 and 4.
    """
    if order == 2:
        return v1.laplacian(E, dx)
    if order != 4 or E.ndim != 2:
        raise ValueError(f"order is {order} in {E.ndim} dimensions; allowed: 2, or 4 in two")
    around = NEAR * v1.shifted(E, 1) + FAR * v1.shifted(E, 2)
    return (around + CENTRE * E) * (1.0 / (dx * dx))


def advance(case: FoundCase) -> Step:
    """Stage: E⁺ = ((2 − γ) E − (1 − γ) E_prev) + dt² (c² L − χ² E); E becomes E_prev."""
    c2, dt2, gamma = case.c * case.c, case.dt * case.dt, case.gamma

    def field(state: LatticeState) -> LatticeState:
        E, E_prev, chi = state.E, state.E_prev, state.chi
        wave = c2 * laplacian(E, case.dx, case.order)
        inertia = (chi * chi) * E
        E_next = ((2 - gamma) * E - (1 - gamma) * E_prev) + dt2 * (wave - inertia)
        return state._replace(E=E_next, E_prev=E)

    return field


def apply_boundary(case: FoundCase) -> Step:
    """Stage: the boundary of version 1, a factor of 1 standing for 0."""
    return v1.apply_boundary(mended(case))
