"""Command ``list``: baselines and the league of their optimizations, or one of these in full."""

import shutil

from groundspeed import baselines
from groundspeed.tools import console
from groundspeed.tools.records import evidence
from groundspeed.tools.records.evidence import UNSETTLED, View, judged, measured
from groundspeed.tools.records.measurement import Timing
from groundspeed.tools.records.quantities import duration, reduction, size
from groundspeed.tools.reporting.league import Entry, League, leagues
from groundspeed.validation import discovery, machine
from groundspeed.validation.golden.manifest import check_sources, manifest
from groundspeed.validation.judge.verdicts import Status
from groundspeed.validation.records.errors import Sealed

WIDTH = 100  # of a line where nobody's terminal tells
WIDTHS = (9, 22, 7, 6)  # of verdict, speedup, outcome and memory
OUTCOMES = {"FASTER": "faster", "SLOWER": "slower", "INCONCLUSIVE": "unclear"}


def run(names: list[str] | None = None, as_json: bool = False) -> int:
    """The verb ``list``."""
    view = View()
    if names:
        return in_full(discovery.chosen(names), view, as_json)
    found = leagues(view)
    if as_json:
        every = sorted((e for league in found for e in league.entries), key=lambda e: e.name)
        console.as_json([*map(engine_row, baselines.names()), *map(row, every)])
        return 0
    show(found)
    print(f"\n{counted(found)}\n{missing()}")
    evidence.say_what_is_broken()
    return 0


def engine_row(name: str) -> dict[str, str]:
    """Whether a baseline is frozen, and whether its files are still those."""
    try:
        seal = manifest(name)
        check_sources(name, seal)
        status, words = "FROZEN", f"{len(seal.answers)} cases, sealed {seal.made[:10]}"
    except Sealed as broken:
        status, words = "BROKEN", str(broken)
    return {"name": name, "status": status, "level": "engine", "words": words}


def row(entry: Entry) -> dict[str, object]:
    """Verdict and speedups of an optimization, as plain data."""
    shown = entry.evidence
    timings = shown.timing.cases.items() if shown.timing else ()
    every = View().every(entry.name)
    return {
        "name": entry.name,
        "status": shown.word,
        "level": shown.verdict.level if shown.verdict else "",
        "words": "  ".join(f"{case} {t.speedup:.2f}x" for case, t in timings) or shown.reason,
        "speedups": {case: round(t.speedup, 4) for case, t in timings},
        "headline": entry.case,
        "machine": shown.machine,
        "made": entry.made,
        "here": judged(entry.name)[0].value,
        "machines": {e.machine: e.word for e in every if e.verdict},
    }


def show(found: list[League]) -> None:
    """Each baseline with its optimizations, best first, no wider than the terminal."""
    by_engine = {league.engine: league for league in found}
    names = max((len(e.name) for league in found for e in league.entries), default=0)
    for name in baselines.names():
        league = by_engine.get(name, League(name, "", []))
        print_clipped(heading(engine_row(name), league))
        if league.timed:
            cells = ("", "verdict", "speedup [95 %]", "", "memory", "age")
            print_clipped(aligned(cells, names))
        for entry in league.entries:
            print_clipped(aligned(cells_of(entry), names))
        print()


def print_clipped(text: str) -> None:
    """A line that ends with the terminal, or with a page where output is piped."""
    width = shutil.get_terminal_size((WIDTH, 24)).columns
    print(text if len(text) <= width else f"{text[: width - 1].rstrip()}…")


def aligned(cells: tuple[str, ...], names: int) -> str:
    """Columns, the first as wide as the longest name; the last has any length."""
    widths = (names, *WIDTHS)
    parts = [f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=False)]
    return "  ".join([*parts[: len(cells) - 1], cells[-1]]).rstrip()


def heading(about: dict[str, str], league: League) -> str:
    """A baseline in a line, with the case that its numbers are of."""
    words = f"{about['name']}  {about['status']}  {about['words']}"
    timed = [e.timing for e in league.timed if not e.elsewhere]
    if not timed:
        return words
    return f"{words}; speedups on {league.headline}, {duration(timed[0].baseline_s)} a step"


def cells_of(entry: Entry) -> tuple[str, ...]:
    """Verdict, speedup with its interval, outcome, memory of a call and age; where there is no
    number, the verdict and why."""
    timing, status, on = entry.timing, entry.evidence.status, entry.evidence.machine
    on = "" if on == evidence.here(entry.name) else on
    if timing is None:
        verified = "not timed" if status is Status.VERIFIED else ""
        return entry.name, status.value, "; ".join(filter(None, (on, verified, entry.reason)))
    notes = (
        entry.age,
        entry.elsewhere and f"on {entry.elsewhere}",
        on,
        "other physics" if entry.other_physics else "",
    )
    return (
        entry.name,
        status.value,
        timing.wall,
        OUTCOMES[timing.word],
        reduction(timing.peak_bytes) if timing.peak_bytes else "",
        ", ".join(filter(None, notes)),
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


def in_full(names: list[str], view: View, as_json: bool) -> int:
    """All that is on file of each: verdict, machines, and every case."""
    entries = {e.name: e for league in leagues(view) for e in league.entries}
    if as_json:
        console.as_json([row(entries[name]) for name in names])
        return 0
    for name in names:
        shown = entries[name].evidence
        print(f"{name}: {shown.word}", end="")
        print(f", {shown.verdict.level}: {shown.verdict.because}" if shown.verdict else "")
        print(f"  {shown.reason}")
        for case, timing in shown.timing.cases.items() if shown.timing else ():
            print(f"  {case}: {told(timing)}")
        for one in view.every(name):
            made = f", judged {one.verdict.made[:10]}" if one.verdict else ""
            timed = f", timed {one.timing.made[:10]}" if one.timing else ""
            print(f"  on {one.machine}: {one.word}{made}{timed}")
        print()
    return 0


def told(t: Timing) -> str:
    """The number of a case with its story, in a line."""
    steps = [t.step_time(who) for who in ("baseline", "candidate")]
    memory = ""
    if t.peak_bytes:
        before, after = (size(t.peak_bytes[who]) for who in ("baseline", "candidate"))
        memory = f"; memory of a call {before} -> {after} ({reduction(t.peak_bytes)})"
    note = f"; {t.note}" if t.note else ""
    pairs = f"{t.pairs} pairs in {t.processes} processes"
    return f"{t.wall} {t.word}; a step {steps[0]} -> {steps[1]}, {pairs}{memory}{note}"
