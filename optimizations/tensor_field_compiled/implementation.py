"""H of both planes in one loop made by the compiler; then T advances, two calls of torch.

Complex numbers are what the compiler cannot do: planes of `tensor_field_blocked` are real. Weights
go in as numbers of a tensor, so a metric compiles nothing anew. T advances outside: asked for H
and T⁺ together, the compiler writes H twice.
"""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.tensor_field_v1 import TensorCase
from optimizations.tensor_field_blocked.planes import Planes, Sweep, advance, stencil
from optimizations.tensor_field_blocked.planes import engine as swept


def operate(T: Planes, H: Planes, weights: Tensor) -> None:
    """H[T] of both planes, without a potential."""
    x = torch.roll(T, 1, 1) + torch.roll(T, -1, 1)
    y = torch.roll(T, 1, 2) + torch.roll(T, -1, 2)
    H.copy_(weights[0] * T + weights[1] * x + weights[2] * y)


def sweep(case: TensorCase) -> Sweep:
    """H in one compiled pass, T in another."""
    h = stencil(case)
    if h.V is not None or case.prior or case.current:
        raise ValueError("a potential, prior or current; allowed here: the free field")
    fused = torch.compile(operate, dynamic=False, fullgraph=True)
    weights = torch.tensor(h[:3], dtype=case.dtype.to_real(), device=case.device)

    def act(T: Planes, H: Planes, rate: float, F: Planes | None) -> Planes:
        fused(T, H, weights)
        if case.part == "step":
            advance(T, H, rate, F)
        return H

    return act


engine = swept(sweep, needs=("compiler",), opaque="one compiled kernel a step")
