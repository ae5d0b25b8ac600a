"""Two real stencils fused by the compiler into one loop that writes the buffer of the next field.

Complex numbers are what the compiler cannot do: planes of `tensor_field_blocked` are real. Weights
and rate go in as numbers of a tensor, so a metric or a memory weight compiles nothing anew.
"""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.tensor_field_v1 import TensorCase
from optimizations.tensor_field_blocked.planes import Planes, Sweep, stencil
from optimizations.tensor_field_blocked.planes import engine as swept


def operated(T: Planes, weights: Tensor) -> Planes:
    """H[T] of both planes, without a potential."""
    x = torch.roll(T, 1, 1) + torch.roll(T, -1, 1)
    y = torch.roll(T, 1, 2) + torch.roll(T, -1, 2)
    return weights[0] * T + weights[1] * x + weights[2] * y


def kernel(T: Planes, out: Planes, weights: Tensor, rates: Tensor) -> None:
    """T⁺ = H[T]."""
    out.copy_(operated(T, weights))


def advance(T: Planes, out: Planes, weights: Tensor, rates: Tensor) -> None:
    """T⁺ = T + i r · H[T], rates [2, 1, 1, 1] = (−r, r).

    Both planes in one expression: written one after the other, each pass would make both.
    """
    out.copy_(T + rates * operated(T.flip(0), weights))


def sweep(case: TensorCase) -> Sweep:
    """T⁺ in one compiled pass."""
    h = stencil(case)
    if h.V is not None or case.prior or case.current:
        raise ValueError("a potential, prior or current; allowed here: the free field")
    fused = torch.compile(
        kernel if case.part == "kernel" else advance, dynamic=False, fullgraph=True
    )
    numbers = {}

    def act(T: Planes, out: Planes, rate: float, drive: Planes | None) -> None:
        if rate not in numbers:
            numbers[rate] = T.new_tensor(h[:3]), T.new_tensor((-rate, rate)).view(2, 1, 1, 1)
        fused(T, out, *numbers[rate])

    return act


engine = swept(sweep, needs=("compiler",), opaque="one compiled kernel a step")
