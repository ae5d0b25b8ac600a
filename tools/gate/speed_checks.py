"""Whether a change is slower: counts against the budget, time against the base commit."""

from collections.abc import Iterator
from time import perf_counter

from groundspeed.tools import console
from groundspeed.tools.costs import count
from groundspeed.tools.experiments import compare_commits
from groundspeed.tools.experiments.compare_commits import ComparedCase
from groundspeed.tools.gate.apart import BREAKS, apart, in_words
from groundspeed.tools.gate.changes import Changes
from groundspeed.tools.gate.outcome import GateCheck, Outcome


def costs(name: str) -> GateCheck:
    """The counts of a step against its budget."""
    try:
        found = apart("counting", count.fresh, name, False)
    except BREAKS as error:
        words = f"it cannot be counted: {in_words(error)}"
        return GateCheck(name, "costs", Outcome.INCONCLUSIVE, words)
    if grown := found.get("outgrown"):
        return GateCheck(name, "costs", Outcome.SLOWER, "; ".join(grown))
    for key in ("passed over", "not counted", "no budget"):
        if key in found:
            return GateCheck(name, "costs", Outcome.SKIPPED, f"{key}: {found[key]}")
    return GateCheck(name, "costs", Outcome.GOOD, "within its budget")


def comparisons(found: Changes, verified: list[str]) -> Iterator[GateCheck]:
    """Each that is right, timed turn about with the base's own."""
    for name in verified:
        if name not in found.before:
            yield GateCheck(name, "comparison", Outcome.SKIPPED, f"new: {found.base} has none")
    rest = [name for name in verified if name in found.before]
    while rest:
        at_work, began, seen = [rest[0]], perf_counter(), set()
        try:
            for row in compared(found, rest, at_work):
                now = perf_counter()
                yield of_row(row, now - began, found)
                began, seen = now, seen | {row.name}
            for name in (n for n in rest if n not in seen):
                words = "its claim covers no case that is timed"
                yield GateCheck(name, "comparison", Outcome.SKIPPED, words)
            return
        except Exception as error:
            words = f"it cannot be compared: {in_words(error)}"
            yield GateCheck(at_work[-1], "comparison", Outcome.INCONCLUSIVE, words)
            rest = rest[rest.index(at_work[-1]) + 1 :]


def compared(found: Changes, names: list[str], at_work: list[str]) -> Iterator[ComparedCase]:
    """Rows of ``compare BASE . NAMES``; the name that is at work goes to the end of a list."""
    with console.progress(f"comparing with {found.base}") as tell:

        def tell_name(text: str) -> None:
            tell(text)
            at_work.extend([text] if text in names else [])

        yield from compare_commits.of_commits(found.base.commit, ".", names, tell_name)


def of_row(row: ComparedCase, seconds: float, found: Changes) -> GateCheck:
    """A row of a comparison as a check."""
    outcome = Outcome(row.word) if row.word in set(Outcome) else Outcome.GOOD
    words = f"{row.word}: {row.note}" if row.note else row.word
    if row.ratio:
        r = row.ratio
        words = f"takes {r.value:.3g} of the base's time, 95 % interval [{r.low:.3g}, {r.high:.3g}]"
        words = f"{words}, {row.note}" if row.note else words
    elif row.note == "the same bytes":
        changed = ", ".join(found.optimizations[row.name])
        outcome, words = Outcome.SKIPPED, f"its own sources are the same; changed: {changed}"
    return GateCheck(row.name, "comparison", outcome, words, row.case, seconds)
