"""Table of tolerances: size, source, and the share that is used."""

from __future__ import annotations

from tools.records.evidence import View
from validation import discovery
from validation.golden import manifest
from validation.judge.verdicts import Status, Summary

HEADER = """# Tolerances

Nothing here was chosen by hand. Exact claims are allowed nothing. What rounding claims are
allowed was measured on the frozen engine: when it was sealed (own error), and when they were
judged (envelope); never less than one unit in the last place of one cell. The margin is the
share of the allowance that the closest call used; above 1 is refused. To allow more than the
last verdict did needs a reason, which stands here.

| optimization | level | allowance | measured | closest call | margin | judged | loosened |
|---|---|---|---|---|---:|---|---|
"""


def page(view: View) -> str:
    """The text of reports/tolerances.md, from the verdicts on file."""
    return HEADER + "".join(row(name, view) for name in discovery.names())


def row(name: str, view: View) -> str:
    """One optimization: its closest call over all cases and fields."""
    found = view.of(name)
    verdict = found.verdict
    if verdict is None:
        return ""
    calls = [(case, r.closest) for case, r in verdict.cases.items() if r.closest]
    case, closest = max(calls, key=lambda c: c[1].share, default=("", None))
    margin = f"{closest.share:.3g}" if closest else "–"
    where = f"{case}: {closest.field}, {closest.check}" if closest else "–"
    made = manifest.manifest(verdict.engine)
    measured = f"{made.made[:10]}, torch {made.machine['torch']}"
    stale = " (STALE)" if found.status is Status.STALE else ""
    cells = (
        name,
        verdict.level + stale,
        allowance(verdict),
        measured if verdict.level == "rounding" else "–",
        where,
        margin,
        f"{verdict.made[:10]}, {found.machine}",
        verdict.loosened or "–",
    )
    return f"| {' | '.join(cells)} |\n"


def allowance(verdict: Summary) -> str:
    if verdict.level == "exact":
        return "none: every bit"
    origins = {origin for case in verdict.cases.values() for origin in case.origins}
    budgets = any(case.budget for case in verdict.cases.values())
    told = [*sorted(origins), *(["declared budget"] if budgets else [])]
    return "; ".join(told) or "none was needed: every bit"
