"""Markdown summary of a gate, for a pull request or the page of a CI run."""

import os
from pathlib import Path

from groundspeed.tools.gate.outcome import GateResult, Outcome, worst
from groundspeed.tools.rendering.templates import PAGES
from groundspeed.validation.records.atomic import write_atomic

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
KINDS = ("seal", "verdict", "costs", "comparison")


def markdown(result: GateResult) -> str:
    """The page."""
    names = dict.fromkeys(check.about for check in result.checks)
    rows = [row(result, name) for name in names]
    return PAGES.get_template("gate.md").render(result=result, rows=rows)


def row(result: GateResult, name: str) -> dict[str, str]:
    """One line of the table: the worst outcome, and the word of every kind of check."""
    own = [check for check in result.checks if check.about == name]
    words = {}
    for kind in KINDS:
        cells = [
            f"{c.case} {c.outcome}".strip() if c.outcome is not Outcome.SKIPPED else "–"
            for c in own
            if c.check == kind
        ]
        words[kind] = "<br>".join(dict.fromkeys(cells))
    return {"name": name, "outcome": worst(own).value} | words


def deliver(text: str, summary: Path | None) -> bool:
    """Append it to the summary of a CI step and write it to a file, where there are such; whether
    there was any."""
    step = os.environ.get(STEP_SUMMARY)
    if step:
        with open(step, "a", encoding="utf-8") as file:
            file.write(text)
    if summary:
        write_atomic(summary, text)
    return bool(step or summary)
