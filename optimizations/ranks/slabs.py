"""Slabs: the planes along the first axis that each rank has."""

from __future__ import annotations

from typing import NamedTuple


class Slab(NamedTuple):
    """Planes first ≤ i < last of ``n``; a rank that is not needed has none.

    Attributes:
        active: how many ranks have planes; those are the first ones.
        thinnest: planes of the rank that has the fewest of them.
    """

    first: int
    last: int
    n: int
    active: int

    @property
    def planes(self) -> int:
        return self.last - self.first

    @property
    def thinnest(self) -> int:
        return self.n // self.active


def slabs(n: int, ranks: int, least: int = 1) -> list[Slab]:
    """A slab for each rank, as equal as they can be, of at least that many planes or none.

    Raises:
        ValueError: there are no ranks, or fewer planes than one rank needs.
    """
    if ranks < 1:
        raise ValueError(f"{ranks} ranks; allowed: at least 1")
    if n < least:
        raise ValueError(f"{n} planes; allowed: at least {least}, which one rank needs")
    active = min(ranks, n // max(least, 1))
    ends = [n * k // active for k in range(active + 1)] + [n] * (ranks - active)
    return [Slab(ends[k], ends[k + 1], n, active) for k in range(ranks)]
