"""The standard that a claim was held to before: it may be raised freely, lowered with a reason."""

from __future__ import annotations

import json
import subprocess

from . import digests, verdicts
from .claims import LEVELS, Agreement
from .records import BrokenRecord, Part


class Standard(Part):
    """How closely a claim agrees: its level, and for "approximate" the budget of each field."""

    level: str
    budget: dict[str, float] = {}

    def looser(self, before: Standard) -> str:
        """In what this allows more than ``before``; "" where in nothing."""
        order = list(LEVELS)
        if order.index(self.level) > order.index(before.level):
            return f"level {before.level!r} became {self.level!r}"
        for field, budget in self.budget.items():
            if self.level == before.level and budget > before.budget.get(field, 0.0):
                return f"budget of {field} {before.budget.get(field, 0.0):g} became {budget:g}"
        return ""


def of(agreement: Agreement) -> Standard:
    return Standard(level=agreement.level, budget=dict(agreement.budget))


def last(name: str) -> Standard | None:
    """Of the last verdict on file, or where it was removed, of the last one committed."""
    try:
        found = verdicts.Verdict.read(verdicts.path(name)).model_dump()
    except (FileNotFoundError, BrokenRecord):
        found = committed(name)
    if not found or found.get("expected") != "verified":
        return None
    if found.get("standard"):
        return Standard(**found["standard"])
    return Standard(level=found["level"]) if found["level"] != "approximate" else None


def committed(name: str) -> dict | None:
    """The verdict in the last commit; none where there is no history."""
    place = verdicts.path(name).relative_to(digests.ROOT)
    try:
        shown = subprocess.run(
            ["git", "show", f"HEAD:{place.as_posix()}"],
            cwd=digests.ROOT,
            capture_output=True,
            timeout=10,
        )
        return json.loads(shown.stdout) if shown.returncode == 0 else None
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def refusal(agreement: Agreement, before: Standard | None) -> str:
    """Why the claim is refused before anything is run; "" where it is not."""
    if before is None or agreement.expected != "verified" or agreement.loosened.strip():
        return ""
    looser = of(agreement).looser(before)
    return looser and f"loosened without a reason: {looser}; say why: loosened='…' in its claim"
