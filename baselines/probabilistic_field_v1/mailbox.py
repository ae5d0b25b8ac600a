"""How a grid of workspace energies reaches an observer in another thread, without a race."""

from __future__ import annotations

from collections import deque
from typing import Any


class Mailbox:
    """A place for one grid: the latest wins, an observer takes it or finds nothing.

    Putting and taking are one atomic operation each (of a deque of length one), so a grid
    is either taken or still there: the newest is never lost.
    """

    def __init__(self):
        self.grids: deque = deque(maxlen=1)

    def put(self, grid: Any) -> None:
        """Leave a grid for the observer, in place of one that it has not taken."""
        self.grids.append(grid)

    def take(self) -> Any:
        """The grid that waits, or None."""
        try:
            return self.grids.pop()
        except IndexError:
            return None
