"""Potentials V(x, y) about the middle of the grid, and the tensor they make."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Complex, Float64
from torch import Tensor

if TYPE_CHECKING:
    from .state import TensorCase


@dataclass(frozen=True)
class Harmonic:
    """½ k r²."""

    k: float

    def at(self, r2: Tensor, sigma: float) -> Tensor:
        return 0.5 * self.k * r2


@dataclass(frozen=True)
class Well:
    """−A exp(−r²/2σ²), σ a quarter of the shorter side."""

    depth: float

    def at(self, r2: Tensor, sigma: float) -> Tensor:
        return -self.depth * torch.exp(-r2 / (2 * sigma**2))


@dataclass(frozen=True)
class Barrier:
    """+A exp(−r²/2σ²), σ a quarter of the shorter side."""

    height: float

    def at(self, r2: Tensor, sigma: float) -> Tensor:
        return self.height * torch.exp(-r2 / (2 * sigma**2))


@dataclass(frozen=True)
class Level:
    """The same value everywhere; ``Level(0.0)`` is no potential."""

    value: float

    def at(self, r2: Tensor, sigma: float) -> Tensor:
        return torch.full_like(r2, self.value)


def squared_radius(Nx: int, Ny: int) -> Float64[Tensor, "Nx Ny"]:
    """r² from (Nx/2, Ny/2), which lies between sites where a side is odd."""
    x = torch.arange(Nx, dtype=torch.float64) - Nx / 2
    y = torch.arange(Ny, dtype=torch.float64) - Ny / 2
    return x[:, None] ** 2 + y[None, :] ** 2


def potential(case: TensorCase) -> Complex[Tensor, "Nx Ny D D_out"] | None:
    """V of the case, on the components i = j only; ``None`` where it has none.

    Raises:
        ValueError: a potential with a value that is not finite.
    """
    if case.potential is None:
        return None
    Nx, Ny, D, D_out = case.shape
    profile = case.potential.at(squared_radius(Nx, Ny), min(Nx, Ny) / 4)
    if not all(math.isfinite(v) for v in (float(profile.min()), float(profile.max()))):
        raise ValueError(f"potential is {case.potential}; allowed: finite values")
    V = torch.zeros(case.shape, dtype=case.dtype)
    for i in range(min(D, D_out)):
        V[:, :, i, i] = profile.to(V.dtype)
    return V.to(case.device)
