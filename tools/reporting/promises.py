"""Promised speedups beside measured ones: which promises held, and by how much."""

import math
import re
from dataclasses import dataclass
from enum import StrEnum

from groundspeed.tools.records.evidence import View
from groundspeed.tools.records.measurement import Timing
from groundspeed.tools.records.quantities import times
from groundspeed.tools.reporting import proposals
from groundspeed.tools.reporting.proposals import Decision, Document, Proposal
from groundspeed.validation import discovery


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


@dataclass
class Answer:
    """Promises that one number decides; without a number, the same optimizations and tests."""

    promises: list[Promise]

    @property
    def first(self) -> Promise:
        return self.promises[0]

    @property
    def result(self) -> Result:
        return self.first.result

    @property
    def says(self) -> str:
        """The shortest of the proposals, and how many others there are."""
        words = min((promise.row.says.rstrip(".") for promise in self.promises), key=len)
        others = len(self.promises) - 1
        return f"{words} (and {others} other proposal{'s'[: others - 1]})" if others else words

    @property
    def promised(self) -> str:
        """What they promise, each once."""
        return " and ".join(dict.fromkeys(promise.promised for promise in self.promises))

    @property
    def factor(self) -> float | None:
        """Measured over the promise that it is nearest to; none where the ranges meet."""
        factors = [promise.factor for promise in self.promises if promise.factor]
        return min(factors, key=lambda factor: abs(math.log(factor)), default=None)

    @property
    def where(self) -> str:
        """Case of the number, and its machine where that is not the first."""
        return self.first.case + (f", on {self.first.machine}" if self.first.machine else "")


def answers(found: list[Promise]) -> list[Answer]:
    """What decides all of these, each number once, in their order."""
    groups: dict[tuple, list[Promise]] = {}
    for one in found:
        number = (one.optimization, one.case, one.machine)
        decided_by = number if one.timing else (*one.row.optimizations, *one.row.test)
        groups.setdefault((one.result, *decided_by), []).append(one)
    return [Answer(group) for group in groups.values()]


def best_of_each(found: list[Answer]) -> list[Answer]:
    """Of each simulation, in any version of its engine, what exceeds its promise by most."""
    best: dict[str, Answer] = {}
    for answer in found:
        if answer.result in (Result.MORE, Result.AS_PROMISED):
            engine = discovery.engine_family(answer.first.optimization)
            best.setdefault(re.sub(r"_v\d+$", "", engine), answer)
    return list(best.values())


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
