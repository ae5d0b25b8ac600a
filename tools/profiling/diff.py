"""Difference of two profiles, by line and by operator, with the residual."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from statistics import median

from tools import console
from tools.profiling import profile_record
from tools.profiling.instruments import py_spy_pass
from tools.profiling.profile_record import HotLine, Profile
from tools.profiling.profile_session import Bare, ProfilePlan
from tools.profiling.program.launch import InstrumentRuns, NoInstrument
from tools.profiling.program.profile_target import ProfileTarget
from tools.records.conditions import Conditions
from validation.records.base import Part, Record

ROUNDS = 3  # of bare runs, turn about


class DiffRow(Part):
    """Seconds a step of a line or operator in both; none where it is not there."""

    what: str
    source: str = ""
    here: float | None
    there: float | None

    @property
    def saved(self) -> float:
        return (self.there or 0) - (self.here or 0)


class Sum(Part):
    """Whether the parts add up: what they save together, and what is left of the whole."""

    saved: float
    residual: float  # seconds a step
    reason: str = ""

    def share(self, whole: float) -> float:
        return self.residual / whole if whole else 0.0


class Comparison(Record):
    """One run against another: ``here`` is the one asked for, ``there`` what it is held to."""

    here: str
    there: str
    case: str
    conditions: Conditions
    rounds: list[tuple[float, float]]  # seconds a step with a core, here and there, in turn
    sampled: list[tuple[float, float]]  # the same under py-spy, in the same turns
    here_s: float
    there_s: float
    verdict: str  # VERIFIED, or why there is no speedup to speak of
    claimed: str  # what the clock's record says, or why it says nothing
    lines: list[DiffRow]
    operators: list[DiffRow]
    by_line: Sum
    by_operator: Sum | None

    @property
    def saved(self) -> float:
        return self.there_s - self.here_s

    @property
    def noise(self) -> float:
        """By how much the rounds differ in what is saved, to either side."""
        each = [there - here for here, there in self.rounds]
        return (max(each) - min(each)) / 2

    @property
    def headline(self) -> str:
        """A speed without a verdict is no number and is not shown."""
        return f"{self.there_s / self.here_s:.2f}x" if self.verdict == "VERIFIED" else "no verdict"


def run(
    here: ProfileTarget,
    there: ProfileTarget,
    patience_s: float,
    threads: int,
    seconds: float,
    as_json: bool,
) -> int:
    """The verb ``profile A --against B``."""
    from tools.profiling import output

    if here.name == there.name:
        raise LookupError(f"{here.name} against itself says nothing; name another after --against")
    ours = output.profiled(here, patience_s, threads, seconds)
    theirs = output.profiled(there, patience_s, threads, seconds)
    if ours.case != theirs.case:
        raise LookupError(f"{ours.name} ran {ours.case}, {theirs.name} {theirs.case}; say --case")
    with tempfile.TemporaryDirectory(prefix="groundspeed-profile-") as place:
        sides = []
        for target in (here, there):
            scratch = Path(place) / target.name
            scratch.mkdir()
            sides.append(InstrumentRuns(target, scratch, patience_s, threads))
        turns = [[once(side, seconds / ROUNDS) for side in sides] for _ in range(ROUNDS)]
    found = compared(ours, theirs, turns)
    write(found)
    console.as_json(found.model_dump(mode="json")) if as_json else show(found)
    return 0


def once(side: InstrumentRuns, seconds: float) -> tuple[float, float]:
    """Seconds a step of a bare run when it has a core, and of the next one, under py-spy."""
    bare = Bare(side, ProfilePlan(seconds=seconds, repeats=1))
    spec = {"steps": bare.calls, "blocks": len(bare.blocks)} if bare.engine else {}
    try:
        _, region = py_spy_pass.sampled(side, 1, True, **spec)
    except NoInstrument:
        return bare.call_busy_s / bare.stride, 0.0
    calls = bare.calls * len(bare.blocks)
    busy = region["cpu_s"] / calls + bare.blocked_s  # py-spy stops it meanwhile
    return bare.call_busy_s / bare.stride, busy / bare.stride


def compared(ours: Profile, theirs: Profile, turns: list[list[tuple[float, float]]]) -> Comparison:
    """The record; the whole is from the bare runs, its parts from those under the instruments."""
    rounds, sampled = ([tuple(side[k] for side in turn) for turn in turns] for k in (0, 1))
    here_s, there_s = (median(side) for side in zip(*rounds, strict=True))
    under = [median(side) for side in zip(*sampled, strict=True)]
    parts = [by_line(p, s) for p, s in zip((ours, theirs), under, strict=True)]
    lines = rows(*parts, sources(ours) | sources(theirs))
    operators = rows(by_operator(ours, here_s), by_operator(theirs, there_s), {})
    saved = there_s - here_s
    timed = ours.operators_s is not None and theirs.operators_s is not None
    return Comparison(
        here=ours.name,
        there=theirs.name,
        case=ours.case,
        conditions=ours.conditions,
        rounds=rounds,
        sampled=sampled,
        here_s=here_s,
        there_s=there_s,
        verdict=verdict(ours, theirs),
        claimed=claim(ours, theirs),
        lines=lines,
        operators=operators if timed else [],
        by_line=add_up(lines, saved, "what sampling costs, imports, and noise"),
        by_operator=add_up(operators, saved, "Python between operators, and starting them")
        if timed
        else None,
    )


def add_up(parts: list[DiffRow], saved: float, reason: str) -> Sum:
    total = sum(row.saved for row in parts)
    return Sum(saved=total, residual=saved - total, reason=reason)


def by_line(profile: Profile, sampled_s: float) -> dict[str, float]:
    """Seconds a step of each line; together a run under py-spy, without its imports."""
    whole = sampled_s * (1 - profile.importing)
    found = {place(line): line.share * whole for line in profile.lines}
    found["(no own line)"] = profile.outside * whole
    rest = whole - sum(found.values())
    return found | {"(all other lines)": max(rest, 0.0)}


def place(line: HotLine) -> str:
    return f"{line.file}:{line.line}"


def sources(profile: Profile) -> dict[str, str]:
    return {place(line): line.source for line in profile.lines}


def by_operator(profile: Profile, step_s: float) -> dict[str, float]:
    """Seconds a step of each operator, where a step takes so long."""
    pace = step_s / profile.busy_s
    return {o.name: o.seconds * pace for o in profile.operators if o.seconds is not None}


def rows(here: dict[str, float], there: dict[str, float], told: dict[str, str]) -> list[DiffRow]:
    """Every part of either, the largest difference first."""
    names = [*here, *(name for name in there if name not in here)]
    found = [
        DiffRow(what=n, source=told.get(n, ""), here=here.get(n), there=there.get(n)) for n in names
    ]
    return sorted(found, key=lambda row: -abs(row.saved))


def verdict(ours: Profile, theirs: Profile) -> str:
    """Whether it is known that both compute the same."""
    from tools.records import evidence
    from validation import discovery

    judged = ours.what in discovery.names() and ours.kind == theirs.kind == "engine"
    if not judged or theirs.what != discovery.engine(ours.what).name:
        return "not judged: nothing says that both compute the same"
    status, _, reason = evidence.judged(ours.what)
    return "VERIFIED" if status.value == "VERIFIED" else f"{status.value}: {reason}"


def claim(ours: Profile, theirs: Profile) -> str:
    """What the clock measured for this optimization on this case, where it did."""
    from tools.records import evidence

    measured = evidence.measured(ours.what)
    if measured is None or measured.engine != theirs.what:
        return f"no fresh measurement of {ours.what} against {theirs.what} on file"
    timing = measured.cases.get(ours.case)
    if timing is None:
        return f"the measurement of {ours.what} has no case {ours.case}"
    low, high = 1 / timing.high, 1 / timing.low if timing.low > 0 else float("inf")
    return f"{timing.speedup:.2f}x [{low:.2f}, {high:.2f}] measured on {measured.made[:10]}"


def write(found: Comparison) -> Path:
    """Record and page into a folder of their own, whole or not at all."""
    from tools.profiling import output
    from tools.rendering.templates import PAGES

    final = profile_record.folder(f"{found.here}_against_{found.there}")
    partial = final.with_name(f".{final.name}.{os.getpid()}.tmp")
    partial.mkdir(parents=True)
    try:
        found.write(partial / "comparison.json")
        PAGES.filters["cell"] = output.cell
        PAGES.filters["ms"] = lambda s: "–" if s is None else f"{1000 * s:.3g}"
        text = PAGES.get_template("profile_against.md").render(c=found)
        (partial / "report.md").write_text(text, encoding="utf-8")
        output.swap(partial, final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return final


def show(found: Comparison) -> None:
    """The whole, the claim, the largest parts, and what is left over."""
    console.line(
        f"{found.here} {found.case}", found.headline, "",
        f"{found.there_s:.3g} s a step to {found.here_s:.3g} s, rounds differ by "
        f"{1000 * found.noise:.2g} ms; claimed: {found.claimed}",
    )  # fmt: skip
    for row in found.lines[:8]:
        console.line(f"  {row.what}", f"{1000 * row.saved:+.3g} ms", "saved", row.source)
    for what, total in (("lines", found.by_line), ("operators", found.by_operator)):
        if total is None:
            console.line(f"  by {what}", "not available", "", "a whole trace of both is needed")
            continue
        left = f"residual {1000 * total.residual:+.3g} ms, {total.share(found.saved):+.0%} of it"
        console.line(f"  by {what}", f"{1000 * total.saved:+.3g} ms", "of", 
                     f"{1000 * found.saved:+.3g} ms saved a step; {left}")  # fmt: skip
    console.line("  report", "WRITTEN", "",
                 f"reports/profiles/{found.here}_against_{found.there}/report.md")  # fmt: skip
