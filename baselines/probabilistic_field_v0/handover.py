"""How a grid of workspace energies reaches an observer in another thread, as reviewed."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


def workspace_grid(w: Float[Tensor, "h columns"]) -> list[list[float]]:
    """All node energies as a new nested list, row by row: nothing shared with the state.

    Raises:
        ValueError: where w is not a grid of floating-point energies.
    """
    if w.ndim != 2 or not w.is_floating_point():
        raise ValueError(
            f"w is {w.dtype} of shape {tuple(w.shape)}; allowed: a floating-point type of two axes"
        )
    return w.to(torch.promote_types(w.dtype, torch.float32)).tolist()


class PendingGrid:
    """A place for one grid: the latest wins, an observer takes it or finds nothing.

    Taking looks first and clears afterwards. A grid put between the two is cleared
    unseen, and no later take finds it: the newest grid is lost, not an old one.
    """

    def __init__(self):
        self.grid: Any = None

    def put(self, grid: Any) -> None:
        """Leave a grid for the observer, in place of one that it has not taken."""
        self.grid = grid

    def take(self) -> Any:
        """The grid that waits, or None."""
        taken = self.grid
        if taken is not None:
            self.grid = None
        return taken
