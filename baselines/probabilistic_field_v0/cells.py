"""What nodes hold, and the cells that they read and write, duplicates included."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .case import FieldCase
from .rules import BOUND, LOOK_UP, Rules


def bounded(x: Tensor, low: float = -BOUND, high: float = BOUND) -> Tensor:
    """clamp(x, low, high) where x is finite, 0 elsewhere."""
    return torch.where(torch.isfinite(x), torch.clamp(x, low, high), torch.zeros_like(x))


def changed(w: Tensor, amount: Tensor, wide: torch.dtype) -> Float[Tensor, "h columns"]:
    """w + amount, computed in the wide type and rounded once to the type of w.

    For float16 that is float16 addition, spelt out: the hardware's is no different.
    """
    return (w.to(wide) + amount).to(w.dtype)


class Cells(NamedTuple):
    """One cell per writer, and what happens where two writers share one."""

    y: Int[Tensor, "*writers"]
    x: Int[Tensor, "*writers"]
    last: Int[Tensor, "*writers"] | None  # who writes last to my cell; None: no two share
    add: bool

    def read(self, field: Float[Tensor, "H W"]) -> Float[Tensor, "*writers"]:
        """The value under each writer."""
        return field[self.y, self.x]

    def give_(self, field: Float[Tensor, "H W"], amount: Float[Tensor, "*writers"]) -> None:
        """Add an amount to each cell, in place, and bound the result.

        Shared cells take every amount, or that of the last writer in row-major order
        (every writer then stores that same value, so the order of the stores is free).
        """
        if self.add:
            field.index_put_((self.y, self.x), amount, accumulate=True)
            field[self.y, self.x] = bounded(self.read(field))
            return
        value = bounded(self.read(field) + amount)
        if self.last is not None:
            value = value.flatten()[self.last]
        field[self.y, self.x] = value


def cells(rules: Rules, y: Tensor, x: Tensor, columns: int) -> Cells:
    """Those cells of a grid that wide, under the rules for shared ones."""
    last = None if rules.add_duplicates else last_writers(y * columns + x)
    return Cells(y, x, last, rules.add_duplicates)


def last_writers(cell: Int[Tensor, "*writers"]) -> Int[Tensor, "*writers"] | None:
    """For each writer the flat index of the last one with the same cell; None if all differ."""
    distinct, which = torch.unique(cell, return_inverse=True)
    if distinct.numel() == cell.numel():
        return None
    order = torch.arange(cell.numel(), device=cell.device)
    last = torch.zeros_like(distinct).scatter_reduce(0, which.flatten(), order, "amax")
    return last[which]


def sampled(case: FieldCase, dy: int = 0, dx: int = 0) -> tuple[Tensor, Tensor]:
    """Rows and columns, [h, columns] each, of the cells that the nodes look at, shifted.

    A node sits at row H − h + i, column j, and looks LOOK_UP rows up; both the cell it looks
    at and the shifted one are kept on the grid by clamping.
    """
    (H, W), (h, columns) = case.shape, case.workspace
    rows = (torch.arange(H - h, H, device=case.device) - LOOK_UP).clamp(0, H - 1)
    across = torch.arange(columns, device=case.device).clamp(0, W - 1)
    y, x = torch.meshgrid(rows, across, indexing="ij")
    return (y + dy).clamp(0, H - 1), (x + dx).clamp(0, W - 1)
