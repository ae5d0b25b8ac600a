"""Difference of two profiles, by line and by operator, with the residual."""

from collections.abc import Iterator
from statistics import median

from groundspeed.tools.profiling import profile_record
from groundspeed.tools.profiling.instruments import py_spy_pass
from groundspeed.tools.profiling.profile_record import Profile
from groundspeed.tools.profiling.profile_session import Bare
from groundspeed.tools.profiling.program.launch import InstrumentRuns, NoInstrument
from groundspeed.tools.records import evidence
from groundspeed.tools.records.conditions import Conditions
from groundspeed.tools.rendering.templates import PAGES
from groundspeed.validation import discovery
from groundspeed.validation.records.atomic import whole_folder
from groundspeed.validation.records.base import Part, Record

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


class Parts(Part):
    """Rows that together should save the whole, seconds a step, and why they may not."""

    rows: list[DiffRow]
    whole: float
    reason: str

    @property
    def saved(self) -> float:
        return sum(row.saved for row in self.rows)

    @property
    def residual(self) -> float:
        return self.whole - self.saved

    @property
    def share(self) -> float:
        """Of the whole, that is left over."""
        return self.residual / self.whole if self.whole else 0.0


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
    lines: Parts
    operators: Parts | None

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


def measured(sides: list[InstrumentRuns], profiles: list[Profile], seconds: float) -> Comparison:
    """The difference of two runs that were profiled, with its page."""
    ours, theirs = profiles
    if ours.case != theirs.case:
        raise LookupError(f"{ours.name} ran {ours.case}, {theirs.name} {theirs.case}; say --case")
    turns = [[once(side, seconds / ROUNDS) for side in sides] for _ in range(ROUNDS)]
    found = compared(ours, theirs, turns)
    with whole_folder(profile_record.folder(f"{found.here}_against_{found.there}")) as folder:
        found.write(folder / "comparison.json")
        text = PAGES.get_template("profile_against.md").render(c=found)
        (folder / "report.md").write_text(text, encoding="utf-8")
    return found


def once(side: InstrumentRuns, seconds: float) -> tuple[float, float]:
    """Seconds a step of a bare run when it has a core, and of the next one, under py-spy."""
    bare = Bare(side, seconds, repeats=1)
    try:
        _, region = py_spy_pass.sampled(side, 1, True, **bare.same)
    except NoInstrument:
        return bare.call_busy_s / bare.stride, 0.0
    calls = bare.calls * len(bare.blocks)
    busy = region["cpu_s"] / calls + bare.call_blocked_s  # py-spy stops it meanwhile
    return bare.call_busy_s / bare.stride, busy / bare.stride


def compared(ours: Profile, theirs: Profile, turns: list[list[tuple[float, float]]]) -> Comparison:
    """The record; the whole is from the bare runs, its parts from those under the instruments."""
    rounds, sampled = ([tuple(side[k] for side in turn) for turn in turns] for k in (0, 1))
    here_s, there_s = (median(side) for side in zip(*rounds, strict=True))
    under = [median(side) for side in zip(*sampled, strict=True)]
    saved = there_s - here_s
    known = {line.where: line.source for line in (*ours.lines, *theirs.lines)}
    lines = by_line(ours, under[0]), by_line(theirs, under[1])
    operators = None
    if ours.operators_s is not None and theirs.operators_s is not None:
        each = by_operator(ours, here_s), by_operator(theirs, there_s)
        operators = parts(*each, {}, saved, "Python between operators, and starting them")
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
        lines=parts(*lines, known, saved, "what sampling costs, imports, and noise"),
        operators=operators,
    )


def by_line(profile: Profile, sampled_s: float) -> dict[str, float]:
    """Seconds a step of each line; together a run under py-spy, without its imports."""
    whole = sampled_s * (1 - profile.importing)
    found = {line.where: line.share * whole for line in profile.lines}
    found["(no own line)"] = profile.outside * whole
    rest = whole - sum(found.values())
    return found | {"(all other lines)": max(rest, 0.0)}


def by_operator(profile: Profile, step_s: float) -> dict[str, float]:
    """Seconds a step of each operator, where a step takes so long."""
    pace = step_s / profile.busy_s
    return {o.name: o.seconds * pace for o in profile.operators if o.seconds is not None}


def parts(
    here: dict[str, float], there: dict[str, float], known: dict[str, str], whole: float, why: str
) -> Parts:
    """Every part of either, the largest difference first."""
    rows = [
        DiffRow(what=name, source=known.get(name, ""), here=here.get(name), there=there.get(name))
        for name in here | there
    ]
    return Parts(rows=sorted(rows, key=lambda row: -abs(row.saved)), whole=whole, reason=why)


def verdict(ours: Profile, theirs: Profile) -> str:
    """Whether it is known that both compute the same."""
    judged = ours.what in discovery.names() and ours.kind == theirs.kind == "engine"
    if not judged or theirs.what != discovery.engine(ours.what).name:
        return "not judged: nothing says that both compute the same"
    status, _, reason = evidence.judged(ours.what)
    return "VERIFIED" if status.value == "VERIFIED" else f"{status.value}: {reason}"


def claim(ours: Profile, theirs: Profile) -> str:
    """What the clock measured for this optimization on this case, where it did."""
    measured = evidence.measured(ours.what)
    if measured is None or measured.engine != theirs.what:
        return f"no fresh measurement of {ours.what} against {theirs.what} on file"
    timing = measured.cases.get(ours.case)
    if timing is None:
        return f"the measurement of {ours.what} has no case {ours.case}"
    low, high = 1 / timing.high, 1 / timing.low if timing.low > 0 else float("inf")
    return f"{timing.speedup:.2f}x [{low:.2f}, {high:.2f}] measured on {measured.made[:10]}"


def rows(found: Comparison) -> Iterator[tuple[str, ...]]:
    """The whole, the claim, the largest parts, and what is left over."""
    yield (
        f"{found.here} {found.case}", found.headline, "",
        f"{found.there_s:.3g} s a step to {found.here_s:.3g} s, rounds differ by "
        f"{1000 * found.noise:.2g} ms; claimed: {found.claimed}",
    )  # fmt: skip
    for row in found.lines.rows[:8]:
        yield f"  {row.what}", f"{1000 * row.saved:+.3g} ms", "saved", row.source
    for what, total in (("lines", found.lines), ("operators", found.operators)):
        if total is None:
            yield f"  by {what}", "not available", "", "a whole trace of both is needed"
            continue
        left = f"residual {1000 * total.residual:+.3g} ms, {total.share:+.0%} of it"
        whole = f"{1000 * found.saved:+.3g} ms saved a step; {left}"
        yield f"  by {what}", f"{1000 * total.saved:+.3g} ms", "of", whole
    page = f"reports/profiles/{found.here}_against_{found.there}/report.md"
    yield "  report", "WRITTEN", "", page
