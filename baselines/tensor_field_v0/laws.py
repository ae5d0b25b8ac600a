"""The laws of version 1 that survive zeros beyond the edge, with modes to match."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.tensor_field_v1.laws import Edges, laws


def walled_difference(T: Tensor, axis: int) -> Tensor:
    """S+ T + S− T − 2T with zeros shifted in."""
    n = T.shape[axis]
    padded = F.pad(T.movedim(axis, -1), (1, 1)).movedim(-1, axis)
    return padded.narrow(axis, 0, n) + padded.narrow(axis, 2, n) - 2 * T


def standing_wave(n: int, k: int) -> tuple[Tensor, float]:
    """sin(q (x + 1)) and 2 − 2 cos q, q = π (1 + k mod n)/(n + 1)."""
    q = math.pi * (1 + k % n) / (n + 1)
    x = torch.arange(1, n + 1, dtype=torch.float64)
    return torch.sin(q * x) + 0j, 2 - 2 * math.cos(q)


WALLED = Edges(walled_difference, standing_wave, lambda g: (g[1], g[0]))

LAWS = laws(WALLED)
