"""Engines and optimizations at a glance."""

from __future__ import annotations

import baselines
from tools import console, freshness
from validation import leaves
from validation.seal import Sealed, check_sources, manifest


def run(as_json: bool = False) -> int:
    """The verb ``list``."""
    rows = [engine_row(n) for n in baselines.names()] + [row(n) for n in leaves.names()]
    if as_json:
        console.as_json(rows)
        return 0
    for r in rows:
        console.line(r["name"], r["status"], r["level"], r["words"])
    return 0


def engine_row(name: str) -> dict[str, str]:
    """Whether a baseline is frozen, and whether its files are still those."""
    try:
        seal = manifest(name)
        check_sources(name, seal)
    except Sealed as broken:
        return {"name": name, "status": "BROKEN", "level": "engine", "words": str(broken)}
    words = f"{len(seal.answers)} cases, sealed {seal.made[:10]}"
    return {"name": name, "status": "FROZEN", "level": "engine", "words": words}


def row(name: str) -> dict[str, str]:
    """Verdict, and the speedup where a fresh measurement stands beside it."""
    status, verdict, reason = freshness.judged(name)
    words = reason
    found = freshness.measured(name) if status == "VERIFIED" else None
    if found:
        words = "  ".join(f"{case} {t.speedup:.2f}x" for case, t in found.cases.items())
    level = verdict.level if verdict else ""
    return {"name": name, "status": status.value, "level": level, "words": words}
