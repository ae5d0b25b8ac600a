"""The verdict on an optimization: a record bound to everything that produced it."""

from __future__ import annotations

import operator
from enum import StrEnum
from pathlib import Path

from pydantic import Field

from . import digests, leaves, machine, seal
from .coverage import Coverage
from .records import BrokenRecord, Part, Record


class Status(StrEnum):
    """What is known about an optimization."""

    VERIFIED = "VERIFIED"  # every check of every case that it covers holds
    REJECTED = "REJECTED"  # at least one check fails; the record names it
    INCONCLUSIVE = "INCONCLUSIVE"  # nothing failed, and something could not be judged
    UNAVAILABLE = "UNAVAILABLE"  # this machine lacks what it needs
    STALE = "STALE"  # judged, but something has changed since
    UNJUDGED = "UNJUDGED"


class Finding(Part):
    """One field at one check: how far off, how far right answers may be, and where."""

    check: str  # "step n": the whole trajectory; "from n": one call from the baseline's state
    field: str
    rms: float
    largest: float
    block: float
    allowed_rms: float
    allowed_largest: float
    allowed_block: float
    share: float  # of what is allowed; above 1 is refused
    origin: str = ""  # of what is allowed
    cell: list[int] = []
    got: float | None = None
    want: float | None = None
    otherwise: int = Field(0, exclude_if=operator.not_)  # cells held to another right branch

    @property
    def holds(self) -> bool:
        return self.share <= 1

    def __str__(self) -> str:
        when = self.check.replace("step", "after step").replace("from", "one step from step")
        if self.share == float("inf") and self.got == self.want:
            return f"{self.field}{self.cell} {when}: got {self.got!r} with another sign or bit"
        return (
            f"{self.field}{self.cell} {when}: got {self.got!r}, want {self.want!r}, off by "
            f"{self.largest:.3g}, allowed {self.allowed_largest:.3g}; rms {self.rms:.3g}, allowed "
            f"{self.allowed_rms:.3g}; worst block {self.block:.3g}, "
            f"allowed {self.allowed_block:.3g}"
        )


class LawFinding(Part):
    """One law on one case."""

    law: str
    residual: float
    allowed: float
    baseline: float = 0.0  # the frozen engine's own, when it was judged

    @property
    def holds(self) -> bool:
        return self.residual <= self.allowed


class Margin(Part):
    """Share of what is allowed that was used, over fresh starts."""

    shares: list[float]  # of each start, in order
    worst: float
    low: float  # 95 % interval of the median share, by order statistics
    high: float


class Power(Part):
    """How far a comparison of values can see, and what took its place beyond."""

    horizon: dict[str, int | None] = {}  # steps at which the envelope is a tenth of the field
    members: int = 0
    astray: int = 0  # members that decide otherwise: the start is near a threshold
    distributions: dict[str, float] = {}  # p of equal distributions beyond the horizon


class CaseResult(Part):
    """Everything found on one case: the closest call of each field, and what failed."""

    checks: int = 0
    relative_rms: dict[str, float] = {}  # at the end, of the field's own norm
    closest: dict[str, Finding] = {}
    laws: list[LawFinding] = []
    broken: list[str] = []
    unfinished: str = ""  # what was still at work when its time was up
    decisions: int = 0  # of those, decisions that differ: they come first
    starts: dict[str, Margin] = {}  # over fresh starts, by field
    measured: int = 0  # comparisons for which the sealed error alone did not suffice
    power: Power = Power()
    tried: list[str] = []  # trials beyond the case's own run
    declined: list[str] = []  # of those, what the candidate refuses to do
    otherwise: dict[str, int] = Field({}, exclude_if=operator.not_)  # the most of them, by field
    degraded: dict[str, float] = {}  # error over the frozen engine's own, at the end


class Mutation(Part):
    """What became of the built-in saboteurs under this claim: see `validation.saboteurs`."""

    killed: dict[str, str]  # by name: on which case, and by which check
    survived: list[str]
    within_budget: list[str]  # survived, no further from the candidate than its claim declares
    no_mutant: list[str]  # changed not one bit on any small case

    @property
    def applied(self) -> int:
        return len(self.killed) + len(self.survived)

    def __str__(self) -> str:
        return f"{len(self.killed)} of {self.applied} saboteurs refused"


class Verdict(Record):
    """What the judge found, and what it rests on."""

    optimization: str
    engine: str
    level: str
    because: str
    expected: str
    status: Status
    reason: str  # the first thing that failed, or what was checked
    coverage: Coverage
    standard: dict = {}  # the closest that it was ever held to without a reason to loosen
    loosened: str = ""  # the reason, where there is one
    needs: list[str] = Field([], exclude_if=operator.not_)  # of a machine: see `machine.missing`
    digests: dict[str, str]
    cases: dict[str, CaseResult]
    mutation: Mutation | None = None  # none where a refusal is expected, or was found

    @property
    def holds(self) -> bool:
        """Whether it came out as its claim says."""
        if self.status is Status.UNAVAILABLE:
            return True
        return self.status.lower() == self.expected


def path(name: str, root: Path = digests.ROOT) -> Path:
    return root / "reports" / "verdicts" / f"{name}.json"


def code_of(name: str) -> dict[str, str]:
    """Digests of what the author of an optimization wrote: its code, and its claim.

    Raises:
        BrokenLeaf: a file is missing.
    """
    leaves.refuse_absent(name)
    folder = leaves.folder(name)
    claim = folder / "validation.py"
    code = [p for p in digests.sources(folder, skip=("benchmark.py",)) if p != claim]
    return {"implementation": digests.of_files(code), "claim": digests.of_file(claim)}


def foundations(name: str, engine: str, threads: int = 1) -> dict[str, str]:
    """Digests of everything that a verdict on ``name`` rests on."""
    here = machine.machine()
    return {
        "baseline": seal.manifest(engine).seal,
        "baseline sources": digests.of_plain(seal.source_digests(engine)),
        **code_of(name),
        "judge": digests.harness(),
        "torch": here.pop("torch"),
        "machine": ", ".join(here.values()),
        "threads": str(threads),
    }


def stale(verdict: Verdict) -> list[str]:
    """What has changed since the verdict was given."""
    now = foundations(verdict.optimization, verdict.engine)
    return sorted(k for k in now if now[k] != verdict.digests.get(k))


def standing(
    name: str, coverage: Coverage = Coverage.EVERYDAY
) -> tuple[Status, Verdict | None, str]:
    """Where an optimization stands now: status, the record if there is one, and a reason.

    A verdict on few cases does not stand for one on many.
    """
    try:
        verdict = Verdict.read(path(name))
    except FileNotFoundError:
        return Status.UNJUDGED, None, f"not judged yet; run: groundspeed validate {name}"
    except BrokenRecord as error:
        return Status.UNJUDGED, None, str(error)
    if verdict.optimization != name:
        return Status.UNJUDGED, None, f"{path(name)} is the record of {verdict.optimization}"
    changed = stale(verdict)
    if changed:
        reason = f"{', '.join(changed)} changed since; run: groundspeed validate {name}"
        return Status.STALE, verdict, reason
    if not verdict.coverage.includes(coverage):
        more = " --full" if coverage is Coverage.FULL else ""
        reason = f"judged on its {verdict.coverage} cases only; run: groundspeed validate {name}"
        return Status.STALE, verdict, reason + more
    return verdict.status, verdict, verdict.reason
