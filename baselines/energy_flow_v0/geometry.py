"""The lattice: normalised coordinates, the cell of a flow, the two output planes.

Real x in [0, W−1], y in [0, H−1], z in [0, D] become u = 2 v/v_max − 1 in [−1, 1].
The output planes are z0 at u = −1 and zdepth at u = +1.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

UNKNOWN, Z0, ZDEPTH = 0, 1, 2  # planes


def normalised(v: Tensor, largest: Tensor | float) -> Tensor:
    """u = 2 v/v_max − 1, dimensionless."""
    return 2 * v / largest - 1


def indices(position: Float[Tensor, "n 3"], width: int, height: int) -> tuple[Tensor, Tensor]:
    """Column and row clamp(R((p + 1)·½·(W − 1)), 0, W − 1); R rounds ties to even. dtype of p."""
    x = (((position[:, 0] + 1) * 0.5) * (width - 1)).round().clamp(0, width - 1)
    y = (((position[:, 1] + 1) * 0.5) * (height - 1)).round().clamp(0, height - 1)
    return x, y


def cells(position: Float[Tensor, "n 3"], width: int, height: int) -> Int[Tensor, " n"]:
    """Cell row·W + column of each flow, int64 in [0, W·H).

    Raises:
        ValueError: positions that are not finite numbers of shape [n, 3], a side below 2.
    """
    refuse_bad_positions(position)
    if min(width, height) < 2:
        raise ValueError(f"lattice is {width} x {height}; allowed: at least 2 x 2")
    x, y = indices(position, width, height)
    return y.long() * width + x.long()


def centres(width: int, height: int, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Column and row of every cell in their order, int64 [W·H] each."""
    cell = torch.arange(width * height, device=device)
    return cell % width, cell // width


def distance(z: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Distance |1 − |z|| to the nearer plane, normalised units; also beyond a plane."""
    return (1 - z.abs()).abs()


def nearer(z: Float[Tensor, " n"]) -> Int[Tensor, " n"]:
    """The nearer plane, int64; the middle belongs to z0."""
    return torch.where(z <= 0, Z0, ZDEPTH)


def refuse_bad_positions(position: Tensor) -> None:
    if position.ndim != 2 or position.shape[-1] != 3 or not position.is_floating_point():
        raise ValueError(
            f"position is {position.dtype} {tuple(position.shape)}; allowed: floating [n, 3]"
        )
    if not torch.isfinite(position).all():
        raise ValueError("position holds a value that is not finite; allowed: finite values")
