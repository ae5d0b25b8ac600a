"""One native loop a step: the field is read once, it and H are written once.

Planes and the table of memory weights are those of `tensor_field_blocked`.
"""

from __future__ import annotations

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
    D, D_out = case.shape[2:]
    advancing = case.part == "step"
    bound = (torch.empty(0, 0, 1) if h.V is None else h.V).squeeze(-1).to(kind).numpy()
    k = np.array(h[:3], bound.dtype), np.array(h[:3], np.float32)
    diagonal = min(D, D_out), D_out + 1

    def act(T: Planes, H: Planes, rate: float, F: Planes | None) -> Planes:
        F = None if F is None else F.numpy()
        rate = bound.dtype.type(rate)
        loops.sweep(T.numpy(), H.numpy(), F, bound, advancing, k, rate, *diagonal)
        return H

    return act


engine = swept(sweep, needs=("numba",), opaque="one native kernel a step")
