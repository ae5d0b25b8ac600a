"""A coarse grid everywhere and a fine one where the field is: transfer between the two.

The coarse grid holds every second cell of the fine one. Coarse cells under the fine grid are
injected from it; the fine grid's outer neighbours are interpolated linearly from the coarse one.

M. J. Berger and J. Oliger, J. Comput. Phys. 53, 484 (1984), doi:10.1016/0021-9991(84)90073-1.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Box(NamedTuple):
    """Half-open box of fine cells, low and high even."""

    low: tuple[int, ...]
    high: tuple[int, ...]

    def fine(self) -> tuple[slice, ...]:
        return tuple(slice(a, b) for a, b in zip(self.low, self.high, strict=True))

    def coarse(self) -> tuple[slice, ...]:
        return tuple(slice(a // 2, b // 2) for a, b in zip(self.low, self.high, strict=True))


def box_around(field: Tensor, least: float, margin: int) -> Box:
    """The even box of everything above ``least``, and that many cells more, inside the grid."""
    busy = field.abs() > least
    low, high = [], []
    for axis, n in enumerate(field.shape):
        others = tuple(a for a in range(field.ndim) if a != axis)
        hit = busy.any(others).nonzero()
        first, last = (int(hit[0]), int(hit[-1]) + 1) if len(hit) else (0, 2)
        low.append(max(2, (first - margin) // 2 * 2))
        high.append(min(n - 2, -(-(last + margin) // 2) * 2))
    return Box(tuple(low), tuple(high))


def coarsened(field: Tensor) -> Tensor:
    """Every second cell, [*shape / 2]."""
    return field[(slice(None, None, 2),) * field.ndim].contiguous()


def doubled(coarse: Tensor, axis: int) -> Tensor:
    """Linear interpolation to twice the cells along a periodic axis."""
    between = (coarse + torch.roll(coarse, -1, axis)) * 0.5
    return torch.stack([coarse, between], axis + 1).flatten(axis, axis + 1)


def refined(coarse: Tensor) -> Tensor:
    """Linear interpolation to every fine cell of the periodic grid."""
    for axis in range(coarse.ndim):
        coarse = doubled(coarse, axis)
    return coarse


def outer_faces(coarse: Tensor, box: Box) -> list[tuple[Tensor, Tensor]]:
    """For each axis the fine values just outside the box, below and above it."""
    faces = []
    for axis, (low, high) in enumerate(zip(box.low, box.high, strict=True)):
        below = (coarse.select(axis, low // 2 - 1) + coarse.select(axis, low // 2)) * 0.5
        above = coarse.select(axis, high // 2)
        faces.append(tuple(cut(refined(face), box, axis) for face in (below, above)))
    return faces


def cut(face: Tensor, box: Box, axis: int) -> Tensor:
    """The part of a fine plane that lies beside the box."""
    return face[tuple(s for other, s in enumerate(box.fine()) if other != axis)]
