"""Proposals of the documents: claimed speedup, test, and result.

Rows live in ``optimizations/ledger/*.toml``, a file a document; whatever a row names must exist
and agree with its decision. `reports/claims.md` shows them beside the records on file.
"""

from __future__ import annotations

import re
import tomllib
from enum import StrEnum
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from tools.records.evidence import View
from validation import discovery
from validation.records import digests


class Decision(StrEnum):
    """What became of a promise."""

    CONFIRMED = "CONFIRMED"
    REFUTED = "REFUTED"
    CHANGES_PHYSICS = "CHANGES PHYSICS"
    NOT_APPLICABLE = "NOT APPLICABLE"
    NEEDS_A_GPU = "NEEDS A GPU"


class BrokenLedger(ValueError):
    """A file of the ledger that cannot be read; the message names file, row and field."""


class Proposal(BaseModel):
    """One proposal, bug claim, pattern, priority, phase or target of a document."""

    model_config = ConfigDict(extra="forbid")

    id: str
    section: str  # of the document
    says: str
    promises: str = ""
    speedup: tuple[float, float] | None = None  # promised, from … to …
    optimizations: list[str] = []  # folders that decide it
    test: list[str] = []  # tests that decide it, as file::name
    decision: Decision
    because: str

    @field_validator("test", mode="before")
    @classmethod
    def listed(cls, value: str | list[str]) -> list[str]:
        return [value] if isinstance(value, str) else value


class Document(BaseModel):
    """A document, row by row."""

    model_config = ConfigDict(extra="forbid")

    title: str
    row: list[Proposal]


def documents(root: Path = digests.ROOT) -> dict[str, Document]:
    """Every document of the ledger, by file.

    Raises:
        BrokenLedger: a file that is no TOML, or a row that lacks something.
    """
    found = {}
    for path in sorted((root / "optimizations" / "ledger").glob("*.toml")):
        try:
            found[path.stem] = Document(**tomllib.loads(path.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, ValidationError) as error:
            lines = " ".join(str(error).split())[:300]
            raise BrokenLedger(f"{path.relative_to(root)}: {lines}") from None
    return found


def disagreements(row: Proposal, root: Path = digests.ROOT) -> list[str]:
    """What of a row is not so: names that do not exist, or that say otherwise."""
    wrong = [f"no optimization {n}" for n in row.optimizations if n not in discovery.names(root)]
    wrong += [f"no test {t}" for t in row.test if not exists(t, root)]
    if wrong:
        return wrong
    decided = bool(row.optimizations or row.test)
    by_reason = (Decision.NOT_APPLICABLE, Decision.NEEDS_A_GPU)
    if not row.because.strip():
        wrong.append("gives no reason")
    if row.decision not in by_reason and not decided:
        wrong.append("names neither an optimization nor a test that decides it")
    outcomes = {outcome(name) for name in row.optimizations}
    fitting = {
        Decision.CONFIRMED: {"verified"},
        Decision.CHANGES_PHYSICS: {"rejected", "approximate"},
    }.get(row.decision)
    if fitting and not row.test and not outcomes & fitting:
        wrong.append(f"is {row.decision}, but its optimizations are {sorted(outcomes)}")
    return wrong


@cache
def outcome(name: str) -> str:
    """What the claim of an optimization expects: verified, approximate or rejected."""
    claim = discovery.claim(name)
    approximate = claim.expected == "verified" and claim.level == "approximate"
    return "approximate" if approximate else claim.expected


def exists(test: str, root: Path) -> bool:
    """Whether ``file::name`` or ``file::Class::name`` is defined there."""
    file, *names = test.split("::")
    if not (root / file).exists():
        return False
    text = (root / file).read_text(encoding="utf-8")
    return all(re.search(rf"(def|class) {re.escape(n.partition('[')[0])}\b", text) for n in names)


def best(row: Proposal, view: View) -> list[dict]:
    """The measured speedups of a row's optimizations, the best case of each, and where."""
    found = []
    for name in row.optimizations:
        evidence = view.of(name)
        if evidence.timing:
            case, timing = min(evidence.timing.cases.items(), key=lambda pair: pair[1].ratio)
            where = "" if evidence.machine == view.machines[0] else evidence.machine
            found.append({"name": name, "case": case, "timing": timing, "where": where})
    return found


def counted(document: Document) -> dict[str, int]:
    """Rows by decision."""
    decisions = [row.decision for row in document.row]
    return {d.value: decisions.count(d) for d in Decision if d in decisions}
