"""The ledger of tolerances: what is allowed, where that comes from, how much of it is used."""

from __future__ import annotations

import os
from pathlib import Path

from validation import digests, leaves, seal, verdicts
from validation.verdicts import Finding, Status

HEADER = """# Tolerances

Nothing here was chosen by hand. Exact claims are allowed nothing. What rounding claims are
allowed was measured on the frozen engine: when it was sealed (own error), and when they were
judged (envelope); never less than one unit in the last place of one cell. The margin is the
share of the allowance that the closest call used; above 1 is refused. To allow more than the
last verdict did needs a reason, which stands here.

| optimization | level | allowance | measured | closest call | margin | judged | loosened |
|---|---|---|---|---|---:|---|---|
"""


def write(root: Path = digests.ROOT) -> Path:
    """reports/tolerances.md, from the verdicts on file."""
    place = root / "reports" / "tolerances.md"
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f"{place.name}.{os.getpid()}.tmp")
    partial.write_text(HEADER + "".join(row(name) for name in leaves.names()), encoding="utf-8")
    os.replace(partial, place)
    return place


def row(name: str) -> str:
    """One optimization: its closest call over all cases and fields."""
    status, verdict, _ = verdicts.standing(name)
    if verdict is None:
        return ""
    calls = [(case, f) for case, r in verdict.cases.items() for f in r.closest.values()]
    case, closest = max(calls, key=lambda c: c[1].share, default=("", None))
    margin = f"{closest.share:.3g}" if closest else "–"
    where = f"{case}: {closest.field}, {closest.check}" if closest else "–"
    made = seal.manifest(verdict.engine)
    measured = f"{made.made[:10]}, torch {made.machine['torch']}"
    stale = " (STALE)" if status is Status.STALE else ""
    cells = (
        name,
        verdict.level + stale,
        allowance(verdict.level, [f for _, f in calls]),
        measured if verdict.level == "rounding" else "–",
        where,
        margin,
        verdict.made[:10],
        verdict.loosened or "–",
    )
    return f"| {' | '.join(cells)} |\n"


def allowance(level: str, findings: list[Finding]) -> str:
    if level == "exact":
        return "none: every bit"
    origins = sorted({f.origin for f in findings} - {"", "bits"})
    return "; ".join(origins) or "none was needed: every bit"
