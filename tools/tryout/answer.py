"""What `groundspeed try` answers: one line, or one JSON object."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from groundspeed.tools import console
from groundspeed.tools.records.quantities import duration, times
from groundspeed.validation.claims import Agreement
from groundspeed.validation.judge.findings import CaseResult, VariantsResult
from groundspeed.validation.judge.verdicts import Status, digest_now

RIGHT, WRONG, BROKEN = "RIGHT SO FAR", "WRONG", "BROKEN"
NO_NUMBER = "no number rests on this"
LEFT_OUT = "no laws, no threads, no mutants"


@dataclass
class Look:
    """What was found of an optimization.

    Attributes:
        status: VERIFIED where nothing that was compared fails.
        reason: what fails first.
        broken: whether it gave no answer to compare: it does not load, raises, or dies.
        smoke: names of the cases that a smoke test judges; the one asked for, if one was.
        cases: findings, by case.
        steps: of each of these, the last step that was compared.
        timed: the case to time.
        files: digests of what it consists of and has loaded, by path.
    """

    status: Status = Status.INCONCLUSIVE
    reason: str = ""
    broken: bool = False
    claim: Agreement | None = None
    smoke: list[str] = field(default_factory=list)
    cases: dict[str, CaseResult] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    variants: VariantsResult | None = None
    timed: str = ""
    files: dict[str, str] = field(default_factory=dict)

    @property
    def right(self) -> bool:
        return self.status is Status.VERIFIED

    @property
    def changed(self) -> str:
        """The first of its files that is another by now; "" if none is."""
        return next((path for path, was in self.files.items() if digest_now(path) != was), "")

    def reject(self, reason: object, broken: bool = False) -> None:
        self.status, self.reason, self.broken = Status.REJECTED, str(reason), broken

    def __str__(self) -> str:
        """What was tried, and what was not."""
        tried = sum(case in self.cases for case in self.smoke)
        words = [f"{tried} of {len(self.smoke)} cases"]
        words += [f"and {self.timed}"] * (self.timed in self.cases and self.timed not in self.smoke)
        inputs = self.variants.tried + self.variants.declined if self.variants else 0
        cut = any(end < self.claim.engine.cases[case].steps for case, end in self.steps.items())
        left_out = ["no later steps"] * cut + [LEFT_OUT]
        return f"smoke: {' '.join(words)}, {inputs} more inputs tried, {', '.join(left_out)}"


@dataclass(frozen=True)
class Ratio:
    """How fast it is on one case, in one process.

    Attributes:
        word: FASTER, SLOWER or INCONCLUSIVE.
        speedup: seconds of the baseline over seconds of the optimization.
        low, high: the interval of its rounds.
        noise: what was off about the process; "" if nothing was.
    """

    case: str
    word: str
    speedup: float
    low: float
    high: float
    rounds: int
    baseline_s: float
    candidate_s: float
    noise: str = ""


class Untimed(RuntimeError):
    """It failed, or computed something else, while it was timed; the message says what."""


@dataclass(frozen=True)
class Answer:
    """One look at one optimization.

    Attributes:
        untimed: why it failed while it was timed; "" if it did not.
        seconds: that the answer took.
    """

    optimization: str
    look: Look
    ratio: Ratio | None = None
    untimed: str = ""
    seconds: float = 0.0

    @property
    def right(self) -> bool:
        return self.look.right and not self.untimed

    @property
    def word(self) -> str:
        if self.right:
            return RIGHT
        if self.look.status in (Status.REJECTED, Status.VERIFIED):
            return BROKEN if self.look.broken else WRONG
        return self.look.status.value  # INCONCLUSIVE, UNAVAILABLE

    @property
    def reason(self) -> str:
        """What differs first, or how fast it is."""
        if not self.right:
            return self.untimed or self.look.reason
        return in_words(self.ratio, self.look.claim.level == "approximate")

    @property
    def line(self) -> tuple[str, ...]:
        words = [self.reason, str(self.look) if self.look.claim else "", NO_NUMBER]
        return self.optimization, self.word, "; ".join(filter(None, words))

    @property
    def plain(self) -> dict:
        """As plain data."""
        look, claim = self.look, self.look.claim
        return {
            "optimization": self.optimization,
            "word": self.word,
            "right": self.right,
            "reason": "" if self.right else self.reason,
            "engine": claim.engine.name if claim else None,
            "level": claim.level if claim else None,
            "steps": look.steps,
            "smoke": str(look) if claim else None,
            "ratio": asdict(self.ratio) if self.right else None,
            "seconds": round(self.seconds, 2),
            "note": NO_NUMBER,
        }

    def show(self, as_json: bool) -> None:
        """Print it."""
        if as_json:
            plain = console.finite(self.plain)
            print(json.dumps(plain, ensure_ascii=False, allow_nan=False), flush=True)
        else:
            console.line(*self.line, widths=(0, len(RIGHT)))


def in_words(ratio: Ratio, other_physics: bool) -> str:
    """1.52x [1.40, 1.61] FASTER on wave, 9.87 ms became 6.49 ms."""
    words = f"{times(ratio.speedup)}x [{times(ratio.low)}, {times(ratio.high)}] {ratio.word} "
    words += f"on {ratio.case}, {duration(ratio.baseline_s)} became {duration(ratio.candidate_s)}"
    words += " a step, other physics" if other_physics else " a step"
    return words + (f", noisy: {ratio.noise}" if ratio.noise else "")
