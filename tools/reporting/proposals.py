"""Proposals of the documents: claimed speedup, test, and result.

Rows live in ``optimizations/ledger/*.toml``, a file a document; whatever a row names must exist
and agree with its decision, which a test holds them to. `reports/claims.md` shows them beside the
records on file.
"""

from enum import StrEnum
from functools import cache
from pathlib import Path

from pydantic import BaseModel, field_validator

from groundspeed.tools.records.evidence import View
from groundspeed.validation import discovery
from groundspeed.validation.records import digests
from groundspeed.validation.records.base import read_toml


class Decision(StrEnum):
    """What became of a promise."""

    CONFIRMED = "CONFIRMED"
    REFUTED = "REFUTED"
    CHANGES_PHYSICS = "CHANGES PHYSICS"
    NOT_APPLICABLE = "NOT APPLICABLE"
    NEEDS_A_GPU = "NEEDS A GPU"


class Proposal(BaseModel, extra="forbid"):
    """One proposal, bug claim, pattern, priority, phase or target of a document."""

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


class Document(BaseModel, extra="forbid"):
    """A document, row by row."""

    title: str
    row: list[Proposal]


def documents(root: Path = digests.ROOT) -> dict[str, Document]:
    """Every document of the ledger, by file.

    Raises:
        BrokenRecord: a file that is no TOML, or a row that lacks something.
    """
    files = sorted((root / "optimizations" / "ledger").glob("*.toml"))
    return {path.stem: read_toml(Document, path) for path in files}


@cache
def outcome(name: str) -> str:
    """What the claim of an optimization expects: verified, approximate or rejected."""
    claim = discovery.claim(name)
    approximate = claim.expected == "verified" and claim.level == "approximate"
    return "approximate" if approximate else claim.expected


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
