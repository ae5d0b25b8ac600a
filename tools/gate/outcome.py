"""Outcomes of the gate, and the exit code that follows from them."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

from groundspeed.tools.gate.changes import Changes


class Outcome(StrEnum):
    """What a check came to, the worst first."""

    WRONG = "WRONG"  # a seal or a claim does not hold
    SLOWER = "SLOWER"  # than the base commit, or than its budget allows
    INCONCLUSIVE = "INCONCLUSIVE"  # neither shown nor refuted
    GOOD = "GOOD"
    SKIPPED = "SKIPPED"  # there was nothing to check, or this machine cannot


EXITS = {Outcome.WRONG: 2, Outcome.SLOWER: 1, Outcome.INCONCLUSIVE: 3}  # everything else is 0


@dataclass(frozen=True)
class GateCheck:
    """One check of one optimization, baseline or file."""

    about: str
    check: str  # "seal", "verdict", "costs", "comparison"
    outcome: Outcome
    words: str
    case: str = ""
    seconds: float = 0.0

    @property
    def title(self) -> str:
        return f"{self.check}: {self.case}" if self.case else self.check

    def cells(self) -> tuple[str, ...]:
        """Columns of a line."""
        return self.about, self.outcome.value, self.title, self.words


@dataclass(frozen=True)
class GateResult:
    """All checks of one change."""

    changes: Changes
    checks: list[GateCheck]
    sealed: str  # what was found whole, in words
    unchanged: list[str]  # optimizations
    unjudged: list[str]  # of those, what has no current verdict from any machine

    @property
    def outcome(self) -> Outcome:
        return worst(self.checks)

    @property
    def exit_code(self) -> int:
        return EXITS.get(self.outcome, 0)

    @property
    def failures(self) -> list[GateCheck]:
        found = [check for check in self.checks if check.outcome in EXITS]
        return sorted(found, key=lambda check: list(EXITS).index(check.outcome))

    @property
    def headline(self) -> str:
        """The result in a sentence."""
        changed, base = self.changes.optimizations, self.changes.base
        if not changed and not self.checks:
            return f"no optimization and no baseline changed since {base}; {self.sealed}"
        total = len(changed) + len(self.unchanged)
        return f"{len(changed)} of {total} optimizations changed since {base}; {self.sealed}"

    def plain(self) -> dict[str, object]:
        """As JSON has it."""
        base, checks = self.changes.base, [asdict(check) for check in self.checks]
        return {
            "outcome": self.outcome.value,
            "exit": self.exit_code,
            "base": base.asked,
            "commit": base.commit,
            "headline": self.headline,
            "checks": checks,
            "changed": self.changes.optimizations,
            "gone": self.changes.gone,
            "unchanged": self.unchanged,
            "unjudged": self.unjudged,
        }


def worst(checks: Iterable[GateCheck]) -> Outcome:
    """The worst outcome; GOOD where nothing failed."""
    found = {check.outcome for check in checks}
    return next((outcome for outcome in EXITS if outcome in found), Outcome.GOOD)
