"""Performance targets and alternatives, beside the measurements on file.

They stand in ``optimizations/targets.toml``: the headline case of an engine; for an engine and a
case, by kind of implementation, a share of the machine's limit or a lead over the best alternative.
Both ask something of the code alone. A speedup over the frozen engine does not: it moves with the
allocator, the release of torch and the machine as much as with what was written.

Alternatives are optimizations too, judged and timed like any other. How far ours is ahead of one
is the ratio of the two in the same rounds of the same processes, with the interval between these.
Where they were timed apart it is a ratio of two ratios, with the worst of both intervals. Two kinds
of machines are never compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from pydantic import BaseModel

from groundspeed.tools.records import evidence
from groundspeed.tools.records.evidence import View
from groundspeed.tools.records.measurement import Measurement, Timing
from groundspeed.validation.golden import manifest
from groundspeed.validation.records import digests
from groundspeed.validation.records.base import read_toml

if TYPE_CHECKING:  # it needs scipy, and a list of what there is does not
    from groundspeed.tools.timing.intervals import Interval

Asked = dict[str, dict[str, float]]  # under "limit" shares by kind, under "lead" factors
KINDS = ("torch", "compiled", "native")


class PerformanceTarget(BaseModel, extra="forbid"):
    """What is asked of the implementations of one piece of work."""

    engine: str
    what: str
    kinds: dict[str, list[str]]
    cases: dict[str, Asked]

    @property
    def names(self) -> set[str]:
        """Every implementation that is named."""
        return set().union(*self.kinds.values())


class Targets(BaseModel, extra="forbid"):
    """The whole file."""

    headline: dict[str, str] = {}  # case on which optimizations of an engine are compared
    alternatives: dict[str, list[str]]
    target: list[PerformanceTarget]


@dataclass(frozen=True)
class TargetRow:
    """One optimization on one case: what was asked, and what is on file."""

    what: str
    case: str
    kind: str
    optimization: str
    limit: float | None  # share of the machine's limit that is asked
    lead: float | None  # over the best alternative
    timing: Timing | None
    ahead: Interval | None = None  # how far it is
    machine: str = ""  # that measured it

    @property
    def profile(self) -> str:
        """The folder of its profile on that case, or on another; empty where none is on file."""
        folder = digests.ROOT / "reports" / "profiles"
        names = (f"{self.optimization}_{self.case}", self.optimization)
        return next((n for n in names if (folder / n / "report.md").exists()), "")

    @property
    def word(self) -> str:
        """REACHED by the whole interval, WITHIN it, MISSED, or NOT TIMED, as a lead is where no
        alternative was timed."""
        if self.timing is None or (self.lead is not None and self.ahead is None):
            return "NOT TIMED"
        share = self.timing.share_of_limit
        if self.limit is not None and (share is None or share < self.limit):
            return "MISSED"
        if self.lead is None:
            return "REACHED"
        if self.ahead.high < self.lead:
            return "MISSED"
        return "REACHED" if self.ahead.low >= self.lead else "WITHIN"


@dataclass(frozen=True)
class Timed:
    """An optimization on a case, with the measurement that holds it."""

    name: str
    case: str
    measurement: Measurement = field(repr=False)

    @property
    def timing(self) -> Timing:
        return self.measurement.cases[self.case]

    @property
    def machine(self) -> str:
        return self.measurement.conditions.machine

    def over(self, other: Timed) -> Interval | None:
        """How many times faster it is than another one, by wall clock; None where they were timed
        against different baselines, or on different machines."""
        from groundspeed.tools.timing import intervals  # late: scipy

        ours, session = self.measurement, other.measurement.session
        theirs = other.measurement
        if ours.baseline != theirs.baseline or self.machine != other.machine:
            return None
        if not session or ours.session != session:
            return self.apart_from(other.timing)
        mine, those = (dict(zip(t.numbers, t.ratios, strict=False))
                       for t in (self.timing, other.timing))  # fmt: skip
        found = [those[number] / ratio for number, ratio in mine.items() if number in those]
        return intervals.between(found) if len(found) > 1 else self.apart_from(other.timing)

    def apart_from(self, other: Timing) -> Interval:
        """The ratio of two ratios to the same frozen engine."""
        from groundspeed.tools.timing.intervals import Interval  # late: scipy

        mine = self.timing
        low = 0.0 if mine.high == math.inf else other.low / mine.high
        high = other.high / mine.low if mine.low else math.inf
        return Interval(other.ratio / mine.ratio, low, high)


@dataclass(frozen=True)
class Ahead:
    """The fastest of ours beside the alternatives on a case."""

    case: str
    ours: Timed
    others: list[Timed]

    @property
    def by(self) -> Interval | None:
        """How many times faster ours is than the best of the others."""
        return lead(self.ours, self.others)


def lead(ours: Timed, others: list[Timed]) -> Interval | None:
    """How many times faster it is than the alternative that comes closest to it."""
    found = [ahead for other in others if (ahead := ours.over(other))]
    return min(found, key=lambda ahead: ahead.value, default=None)


@cache
def targets() -> Targets:
    """What stands in the file; nothing where there is none.

    Raises:
        BrokenRecord: no TOML, or a field that is missing or unknown.
    """
    path = digests.ROOT / "optimizations" / "targets.toml"
    return read_toml(Targets, path) if path.exists() else Targets(alternatives={}, target=[])


def rows(target: PerformanceTarget, view: View) -> list[TargetRow]:
    """Every implementation that is named, on every case that asks something of its kind."""
    found = []
    for case, asked in target.cases.items():
        for kind, name in ((k, name) for k in KINDS for name in target.kinds.get(k, ())):
            limit, least = (asked.get(what, {}).get(kind) for what in ("limit", "lead"))
            if limit is None and least is None:
                continue
            own, ahead = timed(name, case, view), None
            if own and least is not None:
                ahead = lead(own, alternatives(target.engine, case, own.machine))
            seen = (own.timing if own else None), ahead, view.of(name).machine
            found.append(TargetRow(target.what, case, kind, name, limit, least, *seen))
    return found


def timed(name: str, case: str, view: View) -> Timed | None:
    """An optimization on a case, as the first machine of the view that timed it has it."""
    return on_case(view.of(name).timing, name, case)


def on_case(found: Measurement | None, name: str, case: str) -> Timed | None:
    return Timed(name, case, found) if found and case in found.cases else None


def all_timed(names: Iterable[str], case: str, machine: str) -> list[Timed]:
    """Those of them that a machine has timed on a case."""
    every = (on_case(evidence.of(name, machine).timing, name, case) for name in sorted(names))
    return [found for found in every if found]


def alternatives(engine: str, case: str, machine: str) -> list[Timed]:
    """Those of an engine that a machine has timed on a case."""
    return all_timed(targets().alternatives.get(engine, []), case, machine)


def ahead(engine: str, view: View) -> list[Ahead]:
    """Each case that ours and an alternative were timed on, from the machine that timed most."""
    names = set().union(*(target.names for target in targets().target if target.engine == engine))
    found = []
    for case in manifest.manifest(engine).answers:
        sides = [
            (all_timed(names, case, machine), alternatives(engine, case, machine))
            for machine in view.machines
        ]
        ours, others = max(sides, key=lambda side: sum(map(len, side)), default=([], []))
        ours = [mine for mine in ours if lead(mine, others)] or ours
        if ours and others:
            best = min(ours, key=lambda one: one.timing.ratio)
            found.append(Ahead(case, best, others))
    return found


def rivals() -> set[str]:
    """Optimizations of which a lead is asked, and the alternatives over which it is."""
    asked = {
        name
        for target in targets().target
        for case in target.cases.values()
        for kind in case.get("lead", ())
        for name in target.kinds.get(kind, ())
    }
    return asked.union(*targets().alternatives.values())


def asked_of_large() -> set[str]:
    """Optimizations of which a target asks something on a large case: a run of everything takes
    the large cases of these."""
    found: set[str] = set()
    for target in targets().target:
        known = manifest.manifest(target.engine).answers
        if not all(known[case].case["quick"] for case in target.cases):
            found |= target.names
    return found
