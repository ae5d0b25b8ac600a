"""The stencil as sums of shifted views, a few rows in cache at a time.

Five sweeps over the rows of H, and one over those of T behind them. Only the first read and the
last write of a block reach memory. Views are made once, since making them takes as long as adding
them up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from baselines.tensor_field_v1 import TensorCase

from .planes import Planes, Stencil, Sweep, advance, diagonal, stencil
from .planes import engine as swept

BLOCK_BYTES = 256 * 1024  # of one plane of a block; three blocks of T and two of H are at work


class Block(NamedTuple):
    """The views that make a few rows of H, both planes [2, rows, Ny, components]."""

    along_x: list[tuple[Tensor, Tensor, Tensor]]  # H, neighbour before, neighbour after
    along_y: list[tuple[Tensor, Tensor, Tensor]]
    H: Tensor
    T: Tensor
    rows: slice


def neighbours(low: int, high: int, n: int) -> Iterator[tuple[slice, slice, slice]]:
    """Cells low..high of a cyclic axis as (cells less low, cells before, cells after)."""
    if low == 0:
        yield slice(0, 1), slice(n - 1, n), slice(1 % n, 1 % n + 1)
    first, last = max(low, 1), min(high, n - 1)
    if first < last:
        yield slice(first - low, last - low), slice(first - 1, last - 1), slice(first + 1, last + 1)
    if high == n > 1:
        yield slice(n - 1 - low, n - low), slice(n - 2, n - 1), slice(0, 1)


def blocks(T: Planes, H: Planes) -> list[Block]:
    """The grid, a few rows at a time."""
    _, Nx, Ny, components = T.shape
    few = max(1, BLOCK_BYTES // (Ny * components * T.element_size()))
    made = []
    for low in range(0, Nx, few):
        rows = slice(low, min(low + few, Nx))
        h, t = H[:, rows], T[:, rows]
        x = [(h[:, d], T[:, a], T[:, b]) for d, a, b in neighbours(low, rows.stop, Nx)]
        y = [(h[:, :, d], t[:, :, a], t[:, :, b]) for d, a, b in neighbours(0, Ny, Ny)]
        made.append(Block(x, y, h, t, rows))
    return made


def operate(block: Block, case: TensorCase, h: Stencil) -> None:
    """H of a block; summed in units of the weight of the neighbours along axis 0."""
    for s, before, after in block.along_x:
        torch.add(before, after, out=s)
    for s, before, after in block.along_y:
        s.add_(before, alpha=h.y / h.x).add_(after, alpha=h.y / h.x)
    block.H.add_(block.T, alpha=h.centre / h.x).mul_(h.x)
    if h.V is not None:
        diagonal(block.H, case).addcmul_(h.V[block.rows], diagonal(block.T, case))


def sweep(case: TensorCase) -> Sweep:
    """H block by block, and T one block behind; the first one, beside the last, at the end."""
    h, advancing, room = stencil(case), case.part == "step", {}

    def views(T: Planes, H: Planes) -> list[Block]:
        if (T, H) not in room:
            if len(room) > 1:  # another run's buffers
                room.clear()
            room[T, H] = blocks(T, H)
        return room[T, H]

    def move(block: Block, rate: float, F: Planes | None) -> None:
        advance(block.T, block.H, rate, None if F is None else F[:, block.rows])

    def act(T: Planes, H: Planes, rate: float, F: Planes | None) -> Planes:
        grid = views(T, H)
        for done, block in enumerate(grid):
            operate(block, case, h)
            if advancing and done > 1:
                move(grid[done - 1], rate, F)
        if advancing:
            for block in (*grid[1:][-1:], grid[0]):  # each beside the other
                move(block, rate, F)
        return H

    return act


engine = swept(sweep)
