"""Command ``list``: baselines and the league of their optimizations, or one of these in full."""

from collections.abc import Iterator

from groundspeed import baselines
from groundspeed.tools import console
from groundspeed.tools.records import evidence
from groundspeed.tools.records.answers import ListedEngine, ListedOptimization
from groundspeed.tools.records.evidence import UNSETTLED, View, judged, measured
from groundspeed.tools.records.measurement import Timing
from groundspeed.tools.records.quantities import duration, reduction
from groundspeed.tools.reporting.league import Entry, League, leagues
from groundspeed.validation import discovery, machine
from groundspeed.validation.golden.manifest import check_sources, manifest
from groundspeed.validation.judge.verdicts import Status, refusal_code
from groundspeed.validation.records.codes import with_code
from groundspeed.validation.records.errors import Sealed
from groundspeed.validation.worker import allocator

WIDTHS = (9, 22, 7, 6)  # of verdict, speedup, outcome and memory
LEAST = 2  # of these columns, however narrow the terminal is
SHORT = "12 d…"  # of a last column, where there is room for no more
TITLES = ("", "verdict", "speedup [95 %]", "outcome", "memory", "age")
ORDER = "best first, by the lower end of the interval; one in full: groundspeed list NAME"
OUTCOMES = {"FASTER": "faster", "SLOWER": "slower", "INCONCLUSIVE": "unclear"}


def run(names: list[str] | None = None, as_json: bool = False) -> int:
    """The verb ``list``."""
    view, chosen = View(), discovery.chosen(names) if names else []
    with allocator.importing():  # what is read lives until the end, as what is imported does
        found = leagues(view)
    if chosen:
        return in_full(chosen, found, view, as_json)
    if as_json:
        every = sorted((e for league in found for e in league.entries), key=lambda e: e.name)
        console.as_json([*map(engine_row, baselines.names()), *map(row, every)])
        return 0
    show(found)
    width = console.columns_shown() or console.PAGE
    print()
    last = (counted(found), ORDER, missing()) if found else (counted(found), missing())
    print(*(console.wrapped(text, width) for text in last), sep="\n")
    evidence.say_what_is_broken()
    return 0


def engine_row(name: str) -> ListedEngine:
    """Whether a baseline is frozen, and whether its files are still those."""
    try:
        seal = manifest(name)
        check_sources(name, seal)
        status, words, code = "FROZEN", f"{len(seal.answers)} cases, sealed {seal.made[:10]}", ""
    except Sealed as broken:
        status, words, code = "BROKEN", str(broken), broken.code
    return ListedEngine(name=name, status=status, level="engine", words=words, code=code)


def row(entry: Entry) -> ListedOptimization:
    """Verdict and speedups of an optimization, as plain data."""
    shown = entry.evidence
    timings = shown.timing.cases.items() if shown.timing else ()
    every = View().every(entry.name)
    here, verdict, _ = judged(entry.name)
    return ListedOptimization(
        name=entry.name,
        status=shown.word,
        level=shown.verdict.level if shown.verdict else "",
        words="  ".join(f"{case} {t.speedup:.2f}x" for case, t in timings) or shown.reason,
        code=refusal_code(shown.status, shown.verdict),
        speedups={case: round(t.speedup, 4) for case, t in timings},
        headline=entry.case,
        machine=shown.machine,
        made=entry.made,
        here=here.value,
        covers=verdict.coverage if verdict else "",
        machines={e.machine: e.word for e in every if e.verdict},
    )


def show(found: list[League]) -> None:
    """Each baseline with its optimizations, best first, no wider than the terminal."""
    by_engine = {league.engine: league for league in found}
    width = console.columns_shown() or console.PAGE
    for name in baselines.names():
        league = by_engine.get(name, League(name, "", []))
        print(console.wrapped(with_words(engine_row(name)), width))
        show_league(league, width)
        print()


def show_league(league: League, width: int) -> None:
    """Lines that can be compared below one that says of what they are, numbers first."""
    names = max((len(entry.name) for entry in league.entries), default=0)
    groups: dict[tuple, list[Entry]] = {}
    for entry in league.entries:
        alike = (entry.case, entry.evidence.machine, bool(entry.case) and entry.other_physics)
        groups.setdefault(alike, []).append(entry)
    for entries in groups.values():
        print(console.wrapped(f"  {heading(entries[0])}", width))
        if entries[0].timing and entries[0] is league.entries[0]:
            print(aligned(TITLES, names, width))
        for entry in entries:
            print(aligned(cells_of(entry), names, width))


def aligned(cells: tuple[str, ...], names: int, width: int) -> str:
    """Columns, the first as wide as the longest name; the last has any length.

    Columns for which there is no room are left out, whole; in a narrow terminal a name has a line
    of its own.
    """
    name, *others = cells
    above, first = "", f"{name:<{names}}  "
    if len(first) + sum(WIDTHS[:LEAST]) + 2 > width:
        above, first = f"{console.clipped(name, width)}\n" if name else "", "  "
    while len(others) > LEAST and len(first + columns([*others[:-1], SHORT])) > width:
        others.pop()
    return above + console.clipped(first + columns(others), width)


def columns(cells: list[str]) -> str:
    parts = [f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=False)]
    return "  ".join([*parts[: len(cells) - 1], cells[-1]]).rstrip()


def with_words(about: ListedEngine) -> str:
    """A baseline in a line."""
    return with_code(f"{about.name}  {about.status}  {about.words}", about.code)


def heading(entry: Entry) -> str:
    """What stands above a line: case, machine, and whether it is other physics."""
    on = entry.evidence.machine
    where = "this machine" if on == evidence.here(entry.name) else on
    if not entry.timing:
        return f"without a number, on {where}"
    physics = "; approximate, other physics" if entry.other_physics else ""
    step = duration(entry.timing.baseline_s)
    return f"{entry.case}: {step} a step of the baseline on {where}{physics}"


def cells_of(entry: Entry) -> tuple[str, ...]:
    """Verdict, speedup with its interval, outcome, memory of a call and age; where there is no
    number, the verdict and why."""
    timing = entry.timing
    if timing is None:
        return entry.name, entry.evidence.status.value, entry.short
    return (
        entry.name,
        entry.evidence.status.value,
        timing.wall,
        OUTCOMES[timing.word],
        reduction(timing.peak_bytes) if timing.peak_bytes else "",
        entry.age,
    )


def counted(found: list[League]) -> str:
    """How many there are, and how many of them are faster."""
    entries = [entry for league in found for entry in league.entries]
    if not entries:
        known = baselines.names()
        start = f"new NAME --baseline {known[0]}" if known else "create tests/test_SIMULATION.py"
        return f"no optimizations yet; begin with: groundspeed {start}"
    statuses = [entry.evidence.status for entry in entries]
    words = [e.timing.word for e in entries if e.timing]
    outcomes = ", ".join(f"{words.count(w)} {OUTCOMES[w]}" for w in OUTCOMES if w in words)
    parts = [f"{statuses.count(s)} {s}" for s in Status if s in statuses]
    timed = f"; timed {len(words)}: {outcomes}" if words else ""
    return f"{len(entries)} optimizations: {', '.join(parts)}{timed}"


def missing() -> str:
    """What this kind of machine has not judged or timed, and how to."""
    names = discovery.names()
    judged_here = [n for n in names if judged(n)[0] not in UNSETTLED]
    timed_here = [n for n in names if measured(n)]
    words = (
        f"this machine is {machine.kind()}: {len(judged_here)} of {len(names)} optimizations "
        f"judged here, {len(timed_here)} timed"
    )
    left = len(names) - len(judged_here)
    return words + (f"; the other {left}: groundspeed run --here" if left else "")


def in_full(names: list[str], found: list[League], view: View, as_json: bool) -> int:
    """All that is on file of each: verdict, machines, and every case."""
    entries = {e.name: e for league in found for e in league.entries}
    if as_json:
        console.as_json([row(entries[name]) for name in names])
        return 0
    width = console.columns_shown() or console.PAGE
    for name in names:
        print(*(console.wrapped(line, width) for line in about(entries[name], view)), sep="\n")
        print()
    return 0


def about(entry: Entry, view: View) -> Iterator[str]:
    """All that is on file of an optimization, a line each."""
    shown = entry.evidence
    because = f", {shown.verdict.level}: {shown.verdict.because}" if shown.verdict else ""
    yield f"{entry.name}: {shown.word}{because}"
    yield with_code(f"  {shown.reason}", refusal_code(shown.status, shown.verdict))
    if shown.too_loose:
        yield f"  {shown.too_loose}"
    for case, timing in shown.timing.cases.items() if shown.timing else ():
        yield f"  {case}: {told(timing)}"
    for one in view.every(entry.name):
        made = f", judged {one.verdict.made[:10]}" if one.verdict else ""
        timed = f", timed {one.timing.made[:10]}" if one.timing else ""
        yield f"  on {one.machine}: {one.word}{made}{timed}"


def told(t: Timing) -> str:
    """The number of a case with its story, in a line."""
    return f"{t.wall} {t.word}; {t.story}" + (f"; {t.why}" if t.why else "")
