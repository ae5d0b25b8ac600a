"""Rows of the interactive chart: a number each, of every optimization, case and kind of machine."""

from collections.abc import Iterator

from groundspeed.tools.records.evidence import Evidence, View
from groundspeed.tools.records.measurement import Timing
from groundspeed.tools.records.quantities import reduction, times
from groundspeed.tools.reporting.league import League, shown_case
from groundspeed.validation import discovery

SIZES = (  # by the baseline's own time, which every engine has: up to, in words
    (1e-3, "under 1 ms"),
    (1e-2, "1 to 10 ms"),
    (1e-1, "10 to 100 ms"),
    (float("inf"), "over 100 ms"),
)
WIDEST = 10  # an interval without an upper end is drawn up to so many times its value
Row = dict[str, str | float | bool]


def rows(leagues: list[League], view: View) -> list[Row]:
    """All that has a current verdict and a number."""
    return [row for league in leagues for row in of_league(league, view)]


def of_league(league: League, view: View) -> Iterator[Row]:
    for entry in league.entries:
        for found in view.every(entry.name):
            for case, timing in found.timing.cases.items() if found.timing else ():
                first = case == shown_case(found, league.headline)
                elsewhere = case if case != league.headline else ""
                about = {"headline": first, "elsewhere": elsewhere}
                yield row(found, league.engine, case, timing) | about


def row(found: Evidence, engine: str, case: str, timing: Timing) -> Row:
    """One number, with what the chart filters by and what it tells."""
    name = found.optimization
    family = discovery.family(engine)
    return {
        "optimization": name,
        "label": name.removeprefix(family),
        "page": f"optimizations/{name}/report.html",
        "baseline": engine,
        "machine": found.machine,
        "case": case,
        "size": size(timing.baseline_s),
        "verdict": f"{found.word}, {found.verdict.level}",
        "outcome": timing.word.lower(),
        "speedup": shortened(timing.speedup),
        "low": shortened(1 / timing.high),
        "high": shortened(1 / max(timing.low, timing.ratio / WIDEST)),
        "told": f"{times(timing.speedup)}× ({timing.interval})",
        "before": timing.step_time("baseline"),
        "after": timing.step_time("candidate"),
        "memory": reduction(timing.peak_bytes) if timing.peak_bytes else "",
        "made": found.timing.made[:10],
    }


def shortened(value: float) -> float:
    """Four digits: no picture shows more."""
    return float(f"{value:.4g}")


def size(step_s: float) -> str:
    """Class of a case by seconds a step of its baseline."""
    return next(words for limit, words in SIZES if step_s < limit)
