"""The stencil as one real depthwise convolution whose channels lie innermost.

Sites are the image and components the channels of the two planes of `tensor_field_blocked`, which
lie as the library's fastest depthwise kernel wants them, so nothing is moved before or after. Zero
padding lacks what wraps around: four sums over the rim add it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from baselines.tensor_field_v1 import TensorCase
from optimizations.tensor_field_blocked.planes import (
    Planes,
    Stencil,
    Sweep,
    advance,
    diagonal,
    stencil,
)
from optimizations.tensor_field_blocked.planes import engine as swept

LARGEST = 16 * 2**20  # bytes of a new array: far larger ones are mapped page by page every time


def weights(case: TensorCase, h: Stencil) -> Tensor:
    """The same 3 × 3 kernel for each component, [D·D_out, 1, 3, 3]."""
    star = [[0, h.x, 0], [h.y, h.centre, h.y], [0, h.x, 0]]
    kernel = torch.tensor(star, dtype=case.dtype.to_real(), device=case.device)
    return kernel.repeat(case.shape[2] * case.shape[3], 1, 1, 1)


def convolved(T: Planes, kernel: Tensor) -> Planes:
    """H with zeros beyond the edges, in a new array."""
    H = conv2d(T.permute(0, 3, 1, 2), kernel, padding=1, groups=len(kernel))
    return H.permute(0, 2, 3, 1)


def in_parts(T: Planes, H: Planes, kernel: Tensor) -> Planes:
    """The same, written to H plane by plane and a few rows at a time."""
    rows = T.shape[1]
    few = max(1, LARGEST // (T[0, 0].numel() * T.element_size()))
    for plane in range(2):
        for low in range(0, rows, few):
            high, first = min(low + few, rows), max(low - 1, 0)
            made = convolved(T[plane : plane + 1, first : high + 1], kernel)
            H[plane, low:high] = made[0, low - first : high - first]
    return H


def wrap(T: Planes, H: Planes, h: Stencil) -> None:
    """Add to H at the edges what comes from the other side."""
    for edge, other in ((0, -1), (-1, 0)):
        H[:, edge].add_(T[:, other], alpha=h.x)
        H[:, :, edge].add_(T[:, :, other], alpha=h.y)


def sweep(case: TensorCase) -> Sweep:
    """H by convolution, whole where that is no large array; then T."""
    h = stencil(case)
    kernel = weights(case, h)

    def act(T: Planes, H: Planes, rate: float, F: Planes | None) -> Planes:
        whole = T.numel() * T.element_size() <= LARGEST
        H = convolved(T, kernel) if whole else in_parts(T, H, kernel)
        wrap(T, H, h)
        if h.V is not None:
            diagonal(H, case).addcmul_(h.V, diagonal(T, case))
        if case.part == "step":
            advance(T, H, rate, F)
        return H

    return act


engine = swept(sweep)
