"""What a run of the tensor field is made of: its case and its state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Complex, Float64, Int64
from torch import Tensor

from baselines.engine import Case

from .potential import Barrier, Harmonic, Level, Well

PARTS = ("step", "kernel")
POTENTIALS = (Harmonic, Well, Barrier, Level)


class TensorState(NamedTuple):
    """Field, intermediates of the step, counters, inputs; see the package docstring."""

    T: Complex[Tensor, "Nx Ny D D_out"]
    H: Complex[Tensor, "Nx Ny D D_out"]
    Lambda: Complex[Tensor, "Nx Ny D D_out"]
    weight: Float64[Tensor, ""]
    history: Int64[Tensor, ""]
    count: Int64[Tensor, ""]
    prior: Complex[Tensor, "*any"]
    evidence: Complex[Tensor, "*any"]
    current: Complex[Tensor, "*any"]


@dataclass(frozen=True, kw_only=True)
class TensorCase(Case):
    """A run of the tensor field: extent, physics, inputs. Pure numbers throughout."""

    shape: tuple[int, int, int, int]  # Nx, Ny, D, D_out
    dtype: torch.dtype = torch.complex64
    metric: tuple[float, ...] | None = None  # diagonal of the inverse metric; None is flat
    potential: Harmonic | Well | Barrier | Level | None = None
    part: str = "step"  # or "kernel": T <- H[T] and nothing else
    hbar: float = 0.1
    m: float = 1.0
    dt: float = 0.005
    alpha: float = 0.5  # of the memory weight
    lambda_F: float = 0.05  # of the memory weight
    window: int = 20  # steps remembered at most
    lambda_QR: float = 0.3  # of the Bayesian term
    tau: float = 0.5  # of the Bayesian weights
    prior: bool = False  # whether a prior field is set, drawn from the seed
    evidence: bool = False  # likewise
    current: bool = False  # likewise

    def __post_init__(self):
        refuse_bad_extent(self)
        refuse_bad_parameters(self)


def refuse_bad_extent(case: TensorCase) -> None:
    """Raise a ValueError naming what was got and what is allowed."""
    if case.dtype not in (torch.complex64, torch.complex128):
        raise ValueError(f"dtype is {case.dtype}; allowed: torch.complex64 or torch.complex128")
    sizes = case.shape
    if len(sizes) != 4 or not all(isinstance(n, int) and n >= 1 for n in sizes):
        raise ValueError(f"shape is {sizes}; allowed: (Nx, Ny, D, D_out), each at least 1")
    for name in ("steps", "window"):
        value = getattr(case, name)
        if value < 1:
            raise ValueError(f"{name} is {value}; allowed: at least 1")


def refuse_bad_parameters(case: TensorCase) -> None:
    """Raise a ValueError naming what was got and what is allowed."""
    for name in ("hbar", "m", "dt", "tau"):
        value = getattr(case, name)
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}; allowed: a finite number above 0")
    for name in ("alpha", "lambda_F", "lambda_QR"):
        value = getattr(case, name)
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} is {value}; allowed: a finite number, at least 0")
    longest = 2 * case.m / case.hbar / case.hbar
    if case.dt > longest:
        raise ValueError(f"dt is {case.dt}; allowed: at most 2m/ħ² = {longest}")
    if case.part not in PARTS:
        raise ValueError(f"part is {case.part!r}; allowed: {PARTS}")
    if not isinstance(case.metric, tuple | None):
        raise ValueError(f"metric is {case.metric!r}; allowed: a tuple of numbers, or None")
    if not isinstance(case.potential, (*POTENTIALS, type(None))):
        names = [kind.__name__ for kind in POTENTIALS]
        raise ValueError(f"potential is {case.potential!r}; allowed: None or one of {names}")


def refuse_bad_state(case: TensorCase, state: TensorState) -> None:
    """Raise a ValueError for a field of a wrong shape or dtype, or that is not finite."""
    dtypes = {"weight": torch.float64, "history": torch.int64, "count": torch.int64}
    optional = ("prior", "evidence", "current")
    for name, field in zip(state._fields, state, strict=True):
        dtype = dtypes.get(name, case.dtype)
        if field.dtype != dtype:
            raise ValueError(f"{name} is {field.dtype}; allowed: {dtype}")
        shapes = [()] if name in dtypes else [tuple(case.shape)]
        shapes += [(0, 0, 0, 0)] if name in optional else []
        if tuple(field.shape) not in shapes:
            allowed = " or ".join(map(str, shapes))
            raise ValueError(f"{name} has shape {tuple(field.shape)}; allowed: {allowed}")
        if not torch.isfinite(field).all():
            where = tuple((~torch.isfinite(field)).nonzero()[0].tolist())
            raise ValueError(f"{name} is {field[where].item()} at {where}; allowed: finite values")
    n = int(state.history)
    if not 0 <= n <= case.window:
        raise ValueError(f"history is {n}; allowed: 0 to {case.window}, the window")
