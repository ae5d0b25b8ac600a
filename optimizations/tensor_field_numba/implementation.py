"""One native loop a step: the field is read once, it and H are written once.

Planes and the table of memory weights are those of `tensor_field_blocked`.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from baselines.tensor_field_v1 import TensorCase
from optimizations.tensor_field_blocked.planes import Planes, Sweep, stencil
from optimizations.tensor_field_blocked.planes import engine as swept

from . import loops


def sweep(case: TensorCase) -> Sweep:
    """H and T⁺ in one pass over memory."""
    h = stencil(case)
    kind = case.dtype.to_real()
    Nx, Ny, D, D_out = case.shape
    advancing = case.part == "step"
    bound = (torch.empty(0, 0, 1) if h.V is None else h.V).squeeze(-1).to(kind).numpy()
    rest = (Ny, min(D, D_out), D_out + 1)

    @cache
    def numbers(rate: float) -> tuple:
        *weights, rate = loops.rounded((h.centre, h.x, h.y, rate), bound.dtype)
        return tuple(weights), rate

    def lines(planes: Planes) -> np.ndarray:
        return planes.numpy().reshape(2, Nx, -1)

    def act(T: Planes, H: Planes, rate: float, F: Planes | None) -> None:
        forced = None if F is None else lines(F)
        loops.sweep(lines(T), lines(H), forced, bound, advancing, *numbers(rate), *rest)

    return act


engine = swept(sweep, needs=("numba",), opaque="one native kernel a step")
