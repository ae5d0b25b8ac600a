"""What a lattice run is made of: its state, its case, its starts and its masses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from baselines.engine import Case

BOUNDARIES = ("periodic", "reflective", "absorbing")
PROFILES = ("gaussian", "ball")
WEIGHTS = {  # of the second difference: centre, then distance 1, 2, 3
    2: (-2.0, 1.0),
    4: (-5 / 2, 4 / 3, -1 / 12),
    6: (-49 / 18, 3 / 2, -3 / 20, 1 / 90),
}


def symbol(k: float, order: int) -> float:
    """What −dx² times the second difference gives on exp(ikx/dx), k in radians."""
    centre, *rest = WEIGHTS[order]
    return -centre - 2 * sum(w * math.cos(m * k) for m, w in enumerate(rest, start=1))


class LatticeState(NamedTuple):
    """Field at two times, mass, bodies. Shapes and units in the package docstring."""

    E: Float[Tensor, "*shape"]
    E_prev: Float[Tensor, "*shape"]
    chi: Float[Tensor, "*any"]
    position: Float[Tensor, "bodies d"]
    velocity: Float[Tensor, "bodies d"]


@dataclass(frozen=True)
class Packet:
    """A travelling packet A exp(−r²/2σ²) cos(k X − ωt) about the middle, ω = c k.

    X runs along the last axis from index 0; r is the distance from cell N/2.
    """

    amplitude: float
    sigma: float  # length
    wavelength: float  # length

    def at(self, case: LatticeCase, t: float) -> Tensor:
        k = 2 * math.pi / self.wavelength
        envelope = self.amplitude * torch.exp(-squared_radius(case) / (2 * self.sigma**2))
        return envelope * torch.cos(k * axes(case)[-1] + k * case.c * -t)


@dataclass(frozen=True)
class Gaussian:
    """A bump A exp(−r²/2σ²) at rest, oscillating as cos(ωt) once released."""

    amplitude: float
    sigma: float  # length
    omega: float = 0.0  # 1/time

    def at(self, case: LatticeCase, t: float) -> Tensor:
        bump = torch.exp(-squared_radius(case) / (2 * self.sigma**2))
        return self.amplitude * math.cos(self.omega * t) * bump


@dataclass(frozen=True)
class Spot:
    """A bump (1 − r²/R²)² that is exactly zero outside radius R."""

    amplitude: float
    radius: float  # length

    def at(self, case: LatticeCase, t: float) -> Tensor:
        inside = (1 - squared_radius(case) / self.radius**2).clamp_min(0)
        return self.amplitude * inside * inside


@dataclass(frozen=True)
class Well:
    """Mass χ(r) = χ∞ + (χ₀ − χ∞) exp(−r²/2σ²) about the middle of the grid."""

    outside: float  # 1/time
    inside: float  # 1/time
    sigma: float  # length

    def chi(self, case: LatticeCase) -> Tensor:
        dip = torch.exp(-squared_radius(case) / (2 * self.sigma**2))
        return self.outside + (self.inside - self.outside) * dip


@dataclass(frozen=True)
class Trap:
    """Mass χ² = χ₀² + κ² r²: holds a Gaussian of width √(c/κ), ω² = χ₀² + d κ c."""

    chi0: float  # 1/time
    kappa: float  # 1/(time length)

    def chi(self, case: LatticeCase) -> Tensor:
        return torch.sqrt(self.chi0**2 + self.kappa**2 * squared_radius(case))


@dataclass(frozen=True)
class Bodies:
    """Moving sources: each adds ``strength`` · s(x − X) to χ² and feels the field back.

    A ball has no gradient, so it needs an infinite mass: it moves as told.
    """

    position: tuple[tuple[float, ...], ...]  # length, from index 0
    velocity: tuple[tuple[float, ...], ...]  # length/time
    strength: float  # 1/time², may be negative
    width: float  # length
    mass: float  # of the field's energy unit · time²/length²
    profile: str = "gaussian"


@dataclass(frozen=True, kw_only=True)
class LatticeCase(Case):
    """A lattice run: geometry, physics, start. Lengths in units of dx unless said."""

    shape: tuple[int, ...]
    start: Packet | Gaussian | Spot
    dt: float  # time
    dx: float = 1.0  # length
    c: float = 1.0  # length/time
    chi: float | Well | Trap = 0.0  # 1/time
    gamma: float = 0.0  # damping per step, in [0, 1)
    order: int = 2  # of the Laplacian: 2, 4 or 6
    boundary: str = "periodic"
    absorb_width: int = 1  # cells
    absorb_factor: float = 0.0  # what the layer leaves of the field, in [0, 1)
    bodies: Bodies | None = None

    def __post_init__(self):
        refuse_bad_parameters(self)

    @property
    def d(self) -> int:
        return len(self.shape)


def refuse_bad_parameters(case: LatticeCase) -> None:
    """Raise a ValueError naming what was got and what is allowed."""
    if case.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype is {case.dtype}; allowed: torch.float32 or torch.float64")
    if case.order not in WEIGHTS:
        raise ValueError(f"order is {case.order}; allowed: {sorted(WEIGHTS)}")
    if len(case.shape) not in (2, 3) or min(case.shape) <= case.order:
        raise ValueError(
            f"shape is {case.shape}; allowed: 2 or 3 axes of at least {case.order + 1} cells"
        )
    for name in ("dt", "dx", "c"):
        value = getattr(case, name)
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}; allowed: a finite number above 0")
    if not 0 <= case.gamma < 1:
        raise ValueError(f"gamma is {case.gamma}; allowed: at least 0 and below 1")
    if case.boundary not in BOUNDARIES:
        raise ValueError(f"boundary is {case.boundary!r}; allowed: {BOUNDARIES}")
    if not 1 <= case.absorb_width <= min(case.shape) // 2:
        raise ValueError(
            f"absorb_width is {case.absorb_width}; allowed: 1 to {min(case.shape) // 2}"
        )
    if not 0 <= case.absorb_factor < 1:
        raise ValueError(f"absorb_factor is {case.absorb_factor}; allowed: at least 0 and below 1")
    if case.steps < 1:
        raise ValueError(f"steps is {case.steps}; allowed: at least 1")
    if case.bodies is not None:
        refuse_bad_bodies(case, case.bodies)


def refuse_bad_bodies(case: LatticeCase, bodies: Bodies) -> None:
    if bodies.profile not in PROFILES:
        raise ValueError(f"profile is {bodies.profile!r}; allowed: {PROFILES}")
    if bodies.profile == "ball" and math.isfinite(bodies.mass):
        raise ValueError(f"a ball of mass {bodies.mass}; allowed: math.inf, it has no gradient")
    if not bodies.mass > 0 or not bodies.width > 0:
        raise ValueError(f"mass {bodies.mass}, width {bodies.width}; allowed: both above 0")
    for name in ("position", "velocity"):
        rows = getattr(bodies, name)
        if len(rows) != len(bodies.position) or any(len(row) != case.d for row in rows):
            raise ValueError(f"{name} is {rows}; allowed: {case.d} numbers for every body")


def axes(case: LatticeCase) -> tuple[Tensor, ...]:
    """Coordinates along each axis, float64, shaped to broadcast, length."""
    ranges = (torch.arange(n, dtype=torch.float64) * case.dx for n in case.shape)
    return torch.meshgrid(*ranges, indexing="ij")


def squared_radius(case: LatticeCase) -> Tensor:
    """r² from cell N/2, float64 [*shape], length²."""
    middle = (n // 2 * case.dx for n in case.shape)
    return sum((x - m) ** 2 for x, m in zip(axes(case), middle, strict=True))
