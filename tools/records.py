"""What a measurement leaves behind: raw pairs, what they add up to, and the conditions."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from tools.conditions import Conditions
from validation import digests
from validation.records import BrokenRecord, Part, Record

CLAIMED = 10  # fresh processes that a published number needs


class Discarded(Part):
    """A process whose numbers of a case were thrown away, and why."""

    why: str
    control: float
    injected: float | None


class Timing(Part):
    """One case: the ratio candidate / baseline, and everything it was computed from."""

    ratio: float  # wall clock; below 1 is faster
    low: float
    high: float
    cpu_ratio: float
    cpu_low: float
    cpu_high: float
    ratios: list[float]  # median of each process
    within_width: float  # median width of the interval inside a process, as a log ratio
    between_width: float  # width of the interval between processes, as a log ratio
    control: float  # the baseline against itself, in the same rounds
    control_low: float
    control_high: float
    injected: float | None  # the control with known extra work, over the baseline
    injected_truth: float | None  # what it should be; None where a step is too slow for it
    least_effect: float  # the smallest worth naming, a share: never below what the control shows
    smallest_seen: float  # the smallest that this run would have named, a share
    modes: list[float]  # ratios that the processes fall into, where these are two
    word: str  # FASTER, SLOWER or INCONCLUSIVE
    note: str = ""  # why the word is no stronger
    discarded: list[Discarded] = []
    pairs: int  # of baseline and candidate, over all processes
    baseline_s: float  # median seconds a step, for scale only
    candidate_s: float
    first_call_s: float  # one-off work and the first step, of the candidate
    pays_back_after: float | None  # steps, against the baseline's one-off work
    peak_bytes: dict[str, int]  # of one call, beyond the state: {"baseline": …, "candidate": …}
    stream_gb_s: float
    share_of_limit: float | None  # least bytes of a step at stream speed / candidate's time
    steps: int  # a block
    extra: int  # steps that the injected slowdown adds to a block
    beside: list[str]  # other optimizations in the same rounds
    warm_up: list[dict[str, list[float]]]  # the round before the first, of each process
    processes: list[list[dict[str, list[float]]]]  # raw: process, round, contender: [wall, cpu]
    # raw: the frozen engine there over itself alone, by process and round, [wall, cpu]; records
    # that are older than the witness keep their seal
    witnessed: list[list[list[float]]] = Field([], exclude_if=lambda pairs: not pairs)

    @property
    def claimed(self) -> bool:
        """Whether enough fresh processes stand behind it to publish it."""
        return len(self.processes) >= CLAIMED

    @property
    def kind(self) -> str:
        kind = "published" if self.claimed else "everyday"
        return f"{kind} ({len(self.processes)} processes)"

    @property
    def speedup(self) -> float:
        return 1 / self.ratio

    @property
    def headline(self) -> float:
        """The speedup that can be believed: the lower bound."""
        return 1 / self.high


class Measurement(Record):
    """The clock's word on an optimization, bound to the verdict that allowed it."""

    optimization: str
    engine: str
    level: str
    verdict: str  # seal of the verdict that it rests on
    verdict_digests: dict[str, str]
    clock: str  # digest of the measuring code
    conditions: Conditions
    cases: dict[str, Timing]


def path(name: str, root: Path = digests.ROOT) -> Path:
    return root / "reports" / "measurements" / f"{name}.json"


def measured(name: str) -> Measurement | None:
    """The measurement on file, whatever it is still worth; none where there is none."""
    try:
        return Measurement.read(path(name))
    except (FileNotFoundError, BrokenRecord):
        return None
