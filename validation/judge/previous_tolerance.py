"""A claim may tighten its tolerance freely, and loosen it only with a reason."""

from __future__ import annotations

from pathlib import PurePath

from groundspeed.validation.claims import LEVELS, Agreement
from groundspeed.validation.judge import verdicts
from groundspeed.validation.judge.verdicts import Status
from groundspeed.validation.records import digests, results
from groundspeed.validation.records.base import BrokenRecord, Part
from groundspeed.validation.records.git import git

NOTHING_HELD = (Status.UNAVAILABLE,)  # a machine that could not run it held it to nothing


class Standard(Part):
    """The tolerance of a claim: its level, and for "approximate" the budget of each field."""

    level: str
    budget: dict[str, float] = {}

    def looser(self, before: Standard) -> str:
        """How this allows more than ``before``; "" if it does not."""
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
    """The tolerance of the newest verdict of any machine, on file or in the last commit."""
    kept = (
        results.section_or_none(verdicts.Summary, verdicts.SECTION, name, on)
        for on in results.machines()
    )
    found = [verdict for verdict in kept if verdict] or committed(name)
    found = [v for v in found if v.expected == "verified" and v.status not in NOTHING_HELD]
    if not found:
        return None
    newest = max(found, key=lambda v: v.made)
    if newest.standard:
        return Standard(**newest.standard)
    return Standard(level=newest.level) if newest.level != "approximate" else None


def committed(name: str) -> list[verdicts.Summary]:
    """The verdicts in the last commit; none where there is no history."""
    place = f"{results.FOLDER.as_posix()}/*/{name}.json"
    listed = git(digests.ROOT, "ls-files", "-z", "--", place)
    found = []
    for path in listed.paths:
        text, on = git(digests.ROOT, "show", f"HEAD:./{path}").text, PurePath(path).parent.name
        try:
            section = results.parsed(text, path, name, on)[verdicts.SECTION]
            found.append(results.as_model(verdicts.Summary, section, path))
        except (BrokenRecord, KeyError):
            continue
    return found


def refusal(agreement: Agreement, before: Standard | None) -> str:
    """Why the claim is refused before anything runs; "" if it is not."""
    if before is None or agreement.expected != "verified" or agreement.loosened.strip():
        return ""
    looser = of(agreement).looser(before)
    return looser and f"loosened without a reason: {looser}; say why: loosened='…' in its claim"
