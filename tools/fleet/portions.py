"""Portions: what one job does, which is an ordinary verb on some names."""

from dataclasses import dataclass
from enum import StrEnum


class Work(StrEnum):
    """What a portion is about; a timing has its node for itself."""

    JUDGING = "judging"
    TIMING = "timing"


@dataclass(frozen=True)
class Portion:
    """A verb, its names and its options. What must be compared stays in one portion."""

    work: Work
    verb: str
    names: tuple[str, ...]
    options: tuple[str, ...] = ()
    device: str = "cpu"
    full: bool = False  # with the large cases
    needs_verdicts: bool = False  # judge first what has no verdict on the kind of the node

    @property
    def words(self) -> list[str]:
        """Of the command line."""
        return [self.verb, *self.names, *self.options, "--json"]

    def __str__(self) -> str:
        first, *others = self.names
        return f"{self.verb} {first}" + (f" and {len(others)} more" if others else "")
