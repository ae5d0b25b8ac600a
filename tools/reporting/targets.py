"""Performance targets and alternatives, beside the measurements on file.

They stand in ``optimizations/targets.toml``: the headline case of an engine; for an engine and a
case, by kind of implementation, a speedup over the frozen engine or a share of the machine's limit.
Alternatives are optimizations too, judged and timed like any other; how far ours are ahead of them
is a ratio of two ratios to the same frozen engine, with the worst of both intervals.
"""

from dataclasses import dataclass
from functools import cache

from pydantic import BaseModel

from groundspeed.tools.records.evidence import View
from groundspeed.tools.records.measurement import Timing
from groundspeed.validation.golden import manifest
from groundspeed.validation.records import digests
from groundspeed.validation.records.base import read_toml

Asked = dict[str, float | dict[str, float]]  # speedup by kind; under "limit" shares by kind
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
    asked: float | None
    limit: float | None
    timing: Timing | None
    machine: str = ""  # that measured it

    @property
    def profile(self) -> str:
        """The folder of its profile on that case, or on another; empty where none is on file."""
        folder = digests.ROOT / "reports" / "profiles"
        names = (f"{self.optimization}_{self.case}", self.optimization)
        return next((n for n in names if (folder / n / "report.md").exists()), "")

    @property
    def word(self) -> str:
        """REACHED by the whole interval, WITHIN it, MISSED, or NOT TIMED."""
        if self.timing is None:
            return "NOT TIMED"
        speed = (self.timing.cpu_high, self.timing.cpu_ratio, self.timing.cpu_low)
        low, _, high = (1 / max(r, 1e-12) for r in speed)
        share = self.timing.share_of_limit
        short = [self.asked is not None and high < self.asked]
        short += [self.limit is not None and (share is None or share < self.limit)]
        if any(short):
            return "MISSED"
        return "REACHED" if self.asked is None or low >= self.asked else "WITHIN"


@dataclass(frozen=True)
class Ahead:
    """The fastest of ours against the fastest alternative on a case."""

    case: str
    ours: tuple[str, Timing]
    others: list[tuple[str, Timing]]

    @property
    def by(self) -> tuple[float, float, float]:
        """(value, low, high) of how many times faster ours is than the best of the others."""
        ours, other = self.ours[1], min((t for _, t in self.others), key=lambda t: t.cpu_ratio)
        return (
            other.cpu_ratio / ours.cpu_ratio,
            other.cpu_low / ours.cpu_high,
            other.cpu_high / max(ours.cpu_low, 1e-12),
        )


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
        limits = asked.get("limit", {})
        for kind, name in ((k, name) for k in KINDS for name in target.kinds.get(k, ())):
            if kind in asked or kind in limits:
                wanted = asked.get(kind), limits.get(kind)
                seen = view.timing(name, case), view.of(name).machine
                found.append(TargetRow(target.what, case, kind, name, *wanted, *seen))
    return found


def ahead(engine: str, view: View) -> list[Ahead]:
    """Each case that ours and an alternative were timed on, on one kind of machine."""
    every = targets()
    ours = set().union(*(target.names for target in every.target if target.engine == engine))
    others = every.alternatives.get(engine, [])
    timed = {n: view.of(n) for n in (*sorted(ours), *others) if view.of(n).timing}
    machines = [timed[n].machine for n in others if n in timed]
    timings = {n: e.timing.cases for n, e in timed.items() if e.machine in machines[:1]}
    found = []
    for case in sorted({case for name in others for case in timings.get(name, ())}):
        mine = [(n, timings[n][case]) for n in sorted(ours) if case in timings.get(n, ())]
        beside = [(n, timings[n][case]) for n in others if case in timings.get(n, ())]
        if mine and beside:
            best = min(mine, key=lambda one: one[1].cpu_ratio)
            found.append(Ahead(case, best, beside))
    return found


def asked_of_large() -> set[str]:
    """Optimizations of which a target asks something on a large case: a run of everything takes
    the large cases of these."""
    found: set[str] = set()
    for target in targets().target:
        known = manifest.manifest(target.engine).answers
        if not all(known[case].case["quick"] for case in target.cases):
            found |= target.names
    return found
