"""Promised speedups beside measured ones: which promises held, and by how much."""

from dataclasses import dataclass
from enum import StrEnum

from groundspeed.tools.records.evidence import View
from groundspeed.tools.records.measurement import Timing
from groundspeed.tools.records.quantities import times
from groundspeed.tools.reporting import proposals
from groundspeed.tools.reporting.proposals import Decision, Document, Proposal


class Result(StrEnum):
    """What became of a promised speedup, best first."""

    MORE = "more than promised"
    AS_PROMISED = "as promised"
    UNDECIDED = "too uncertain to tell"
    LESS = "less than promised"
    OTHER_PHYSICS = "other physics"
    NOT_MEASURED = "not measured"


@dataclass
class Promise:
    """A proposal that names a speedup, and the fastest of the optimizations that decide it."""

    row: Proposal
    title: str  # of its document
    optimization: str = ""
    case: str = ""
    machine: str = ""  # where it is not the first
    timing: Timing | None = None

    @property
    def promised(self) -> str:
        """From … to …, as speedups."""
        low, high = self.row.speedup
        return f"{times(low)}×" if low == high else f"{times(low)} to {times(high)}×"

    @property
    def result(self) -> Result:
        """By the whole interval: it is as promised where the two ranges meet, unless no gain at
        all lies in it too."""
        if self.row.decision is Decision.CHANGES_PHYSICS:
            return Result.OTHER_PHYSICS
        if self.timing is None:
            return Result.NOT_MEASURED
        low, high = self.row.speedup
        if self.timing.high * high < 1:
            return Result.MORE
        if self.timing.low * low > 1:
            return Result.LESS
        return Result.UNDECIDED if self.timing.high >= 1 else Result.AS_PROMISED

    @property
    def factor(self) -> float | None:
        """Measured over promised, against the nearer end; none where the ranges meet."""
        if self.result not in (Result.MORE, Result.LESS):
            return None
        low, high = self.row.speedup
        return self.timing.speedup / (high if self.result is Result.MORE else low)


def promises(documents: dict[str, Document], view: View) -> list[Promise]:
    """All that name a speedup, by result, and the largest factor first."""
    found = [
        promise(row, d.title, view) for d in documents.values() for row in d.row if row.speedup
    ]
    order = list(Result)
    return sorted(found, key=lambda p: (order.index(p.result), -(p.factor or 0)))


def promise(row: Proposal, title: str, view: View) -> Promise:
    """With the fastest of its optimizations; a speed of other physics says nothing about it."""
    changed = row.decision is Decision.CHANGES_PHYSICS
    measured = [] if changed else proposals.best(row, view)
    if not measured:
        return Promise(row, title)
    best = min(measured, key=lambda m: m["timing"].ratio)
    return Promise(row, title, best["name"], best["case"], best["where"], best["timing"])


def other_physics(documents: dict[str, Document]) -> list[tuple[Document, list[Proposal]]]:
    """The proposals that change what is computed, by document."""
    changed = [
        (d, [row for row in d.row if row.decision is Decision.CHANGES_PHYSICS])
        for d in documents.values()
    ]
    return [(document, rows) for document, rows in changed if rows]
