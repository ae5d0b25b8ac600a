"""The stencil as sums of shifted views into buffers, a cache-sized block at a time.

Five sweeps over a block of one plane: two neighbours, two neighbours, centre, and the field
itself. Only the first read and the last write of a block reach memory. Views are made once for
each of the two buffers, since making them takes as long as adding them up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from baselines.tensor_field_v1 import TensorCase

from .planes import Planes, Stencil, Sweep, diagonal, stencil
from .planes import engine as swept

ROW_BYTES = 128 * 1024  # of a row of a block
BLOCK_BYTES = 320 * 1024  # of one array; a megabyte of cache holds all that are at work


class Block(NamedTuple):
    """The views that make one block of one plane of T⁺."""

    along_x: list[tuple[Tensor, Tensor, Tensor]]  # scratch, neighbour before, neighbour after
    along_y: list[tuple[Tensor, Tensor, Tensor]]
    scratch: Tensor
    source: Tensor  # the plane that H acts on
    own: Tensor  # the plane that advances
    place: tuple  # plane and cells of the block


def neighbours(low: int, high: int, n: int) -> Iterator[tuple[slice, slice, slice]]:
    """Cells low..high of a cyclic axis as (cells less low, cells before, cells after)."""
    if low == 0:
        yield slice(0, 1), slice(n - 1, n), slice(1 % n, 1 % n + 1)
    first, last = max(low, 1), min(high, n - 1)
    if first < last:
        yield slice(first - low, last - low), slice(first - 1, last - 1), slice(first + 1, last + 1)
    if high == n > 1:
        yield slice(n - 1 - low, n - low), slice(n - 2, n - 1), slice(0, 1)


def tiles(case: TensorCase, itemsize: int) -> Iterator[tuple[slice, slice]]:
    """The grid in blocks of a few rows, strip by strip: the rows above are still in cache."""
    Nx, Ny = case.shape[:2]
    site = case.shape[2] * case.shape[3] * itemsize
    columns = max(1, min(Ny, ROW_BYTES // site))
    rows = max(1, BLOCK_BYTES // (columns * site))
    for y in range(0, Ny, columns):
        for x in range(0, Nx, rows):
            yield slice(x, min(x + rows, Nx)), slice(y, min(y + columns, Ny))


def blocks(case: TensorCase, T: Planes, scratch: Tensor) -> list[Block]:
    """Every block of a buffer; for a step, H acts on the other plane than the one advanced."""
    crossed, made = case.part == "step", []
    for xs, ys in tiles(case, T.element_size()):
        rows, columns = xs.stop - xs.start, ys.stop - ys.start
        s = scratch[: rows * columns].view(rows, columns, -1)
        for plane in (0, 1):
            source = T[1 - plane if crossed else plane]
            x = [(s[d], source[a, ys], source[b, ys])
                 for d, a, b in neighbours(xs.start, xs.stop, len(source))]  # fmt: skip
            y = [(s[:, d], source[xs, a], source[xs, b])
                 for d, a, b in neighbours(ys.start, ys.stop, source.shape[1])]  # fmt: skip
            made.append(Block(x, y, s, source[xs, ys], T[plane, xs, ys], (plane, xs, ys)))
    return made


def accumulate(block: Block, case: TensorCase, h: Stencil) -> None:
    """scratch = H/x of the block: in units of the weight of the neighbours along axis 0."""
    for s, before, after in block.along_x:
        torch.add(before, after, out=s)
    for s, before, after in block.along_y:
        s.add_(before, alpha=h.y / h.x).add_(after, alpha=h.y / h.x)
    block.scratch.add_(block.source, alpha=h.centre / h.x)
    if h.V is not None:
        diagonal(block.scratch, case).addcmul_(
            h.V[block.place[1:]], diagonal(block.source, case), value=1 / h.x
        )


def sweep(case: TensorCase) -> Sweep:
    """T⁺ block by block."""
    h, room = stencil(case), {}

    def views(T: Planes) -> list[Block]:
        if T not in room:
            if len(room) > 1:  # another run's buffers
                room.clear()
            cells = max((x.stop - x.start) * (y.stop - y.start)
                        for x, y in tiles(case, T.element_size()))  # fmt: skip
            room[T] = blocks(case, T, T.new_empty(cells, T.shape[-1]))
        return room[T]

    def act(T: Planes, out: Planes, rate: float, drive: Planes | None) -> None:
        for block, written in zip(views(T), views(out), strict=True):
            accumulate(block, case, h)
            if case.part == "kernel":
                torch.mul(block.scratch, h.x, out=written.own)
                continue
            factor = rate * h.x if block.place[0] else -rate * h.x
            if drive is None:
                torch.add(block.own, block.scratch, alpha=factor, out=written.own)
            else:  # small terms first: the sum is rounded once
                torch.add(drive[block.place], block.scratch, alpha=factor, out=written.own)
                written.own.add_(block.own)

    return act


engine = swept(sweep)
