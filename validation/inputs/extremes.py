"""Inputs that an engine's author knows to reach what no search is likely to: frozen/extremes.toml.

    [[input]]
    case = "tiny"
    changes = { sigma = 0.4, depth = 60, "stop.share" = 1.1 }
    because = "a forward that is long enough to stall"

A stall of many steps needs several fields at once, of which none does anything alone. Each row is
tried like every other proposal: one that the engine does not admit, or that tells nothing, is an
error of the list.
"""

from collections.abc import Iterator

from groundspeed.validation.golden import manifest
from groundspeed.validation.inputs.moves import LIMIT, Proposal
from groundspeed.validation.records.base import Part, read_toml


class Extreme(Part, extra="forbid"):
    """Changes of a named case, and how it begins."""

    case: str
    changes: dict = {}
    begin: dict = {}
    because: str


class Extremes(Part, extra="forbid"):
    """What the author of an engine lists."""

    input: list[Extreme] = []


def extremes(engine: str) -> Iterator[Proposal]:
    """What is listed for an engine; nothing where it has no list."""
    path = manifest.place(engine) / "extremes.toml"
    for row in read_toml(Extremes, path).input if path.exists() else ():
        yield Proposal(LIMIT, row.case, row.changes, row.begin)
