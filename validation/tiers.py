"""Tiers: how much of a claim is judged. Imports no torch."""

from __future__ import annotations

from enum import StrEnum


class Coverage(StrEnum):
    """How many of a claim's cases are judged, from few to all: `Agreement.covered`."""

    SMALL = "small"
    EVERYDAY = "everyday"
    FULL = "full"

    @classmethod
    def of(cls, full: bool) -> Coverage:
        """What an everyday run asks for, or one of everything."""
        return cls.FULL if full else cls.EVERYDAY

    def includes(self, asked: Coverage) -> bool:
        """Whether what covers this much stands for what was asked."""
        order = list(Coverage)
        return order.index(self) >= order.index(asked)
