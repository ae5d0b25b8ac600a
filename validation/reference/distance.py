"""Distances between fields: root mean square, largest, worst block."""

from __future__ import annotations

from typing import NamedTuple

import torch

BLOCK = 64  # consecutive cells


class Distance(NamedTuple):
    """Of one field from another, in the field's own unit."""

    rms: float
    largest: float
    block: float  # the largest root mean square over blocks of consecutive cells

    def scaled(self, factor: float) -> Distance:
        return Distance(*(factor * x for x in self))

    def over(self, allowed: Distance) -> float:
        """The largest share of what is allowed that is used; 0 where all are equal."""
        shares = (
            got / limit if limit > 0 else (0.0 if got == 0 else float("inf"))
            for got, limit in zip(self, allowed, strict=True)
        )
        return max(shares)


ZERO = Distance(0.0, 0.0, 0.0)


def inexact(tensor: torch.Tensor) -> bool:
    """Whether it holds values, which are rounded; else decisions: whole numbers and branches."""
    return tensor.is_floating_point() or tensor.is_complex()


def floating(state) -> list[str]:
    """Fields of a state that hold values."""
    pairs = zip(state._fields, state, strict=True)
    return [name for name, t in pairs if inexact(t) and t.numel()]


def widest(*distances: Distance) -> Distance:
    """The largest of each measure."""
    return Distance(*(max(column) for column in zip(*distances, strict=True)))


def quantile(distances: list[Distance], share: float) -> Distance:
    """Of each measure, the value that ``share`` of the distances do not exceed."""
    columns = torch.tensor(distances, dtype=torch.float64)
    return Distance(*(float(x) for x in torch.quantile(columns, share, dim=0)))


def distance(one: torch.Tensor, other: torch.Tensor) -> Distance:
    """Between two floating-point fields of one shape; infinite where either is not finite."""
    if one.numel() == 0:
        return ZERO
    gap = (widened(one) - widened(other)).abs().reshape(-1)
    if not torch.isfinite(gap).all():
        return Distance(float("inf"), float("inf"), float("inf"))
    squares = gap.square()
    whole = squares[: squares.numel() // BLOCK * BLOCK].reshape(-1, BLOCK)
    rest = squares[whole.numel() :].reshape(1, -1)
    blocks = [float(part.mean(1).max()) for part in (whole, rest) if part.numel()]
    return Distance(float(squares.mean()) ** 0.5, float(gap.max()), max(blocks) ** 0.5)


def size(field: torch.Tensor) -> float:
    """Root of the mean square of a field."""
    return float(widened(field).abs().square().mean()) ** 0.5


def least(field: torch.Tensor) -> Distance:
    """One cell off by one unit in the last place of the largest: no right answer can promise less.

    A run that happens to round to the truth is no measure of what another may do; over many
    cells such luck averages out, in a field of a single number it does not.
    """
    if field.numel() == 0 or not inexact(field):
        return ZERO
    top = field.detach().abs().max()
    unit = float(torch.nextafter(top, torch.full_like(top, float("inf"))).double() - top.double())
    n = field.numel()
    return Distance(unit / n**0.5, unit, unit / min(n, BLOCK) ** 0.5)


def widened(field: torch.Tensor) -> torch.Tensor:
    return field.to(torch.complex128 if field.is_complex() else torch.float64)
