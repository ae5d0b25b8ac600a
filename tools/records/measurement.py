"""Record of a measurement: the summary of its pairs, and its conditions.

The pairs themselves are samples (`validation.records.samples`); the digest of those stands beside.
"""

from __future__ import annotations

from groundspeed.tools.records.conditions import Conditions
from groundspeed.tools.records.quantities import duration, reduction, size, spread, times
from groundspeed.validation.records import results
from groundspeed.validation.records.base import Part, today

ENOUGH = 20  # processes that nearly always decide what eight to twelve left open
CLAIMED = 16  # fresh processes that a published number needs


class Discarded(Part):
    """A process whose numbers of a case were thrown away, and why."""

    why: str
    control: float
    injected: float | None


class StepTime(Part):
    """Seconds a step by wall clock, over all rounds of all processes."""

    mean: float
    deviation: float  # standard deviation of the rounds


class Timing(Part):
    """One case: the ratio candidate / baseline, and everything it was computed from."""

    ratio: float  # wall clock; below 1 is faster
    low: float  # widened by what controls and processor time leave open, where the clock does so
    high: float
    cpu_ratio: float
    cpu_low: float
    cpu_high: float
    ratios: list[float]  # median of each process, by wall clock
    numbers: list[int] = []  # of these processes in their session
    within_width: float  # median width of the interval inside a process, as a log ratio
    between_width: float  # of that between processes, by wall clock alone
    control: float  # the baseline against itself, in the same rounds
    control_low: float
    control_high: float
    control_off: float = 0.0  # how far it is from 1 by either clock, as a log ratio
    order: dict[str, float | None] = {}  # what coming after the baseline in a round adds, a share
    injected: float | None  # the control with known extra work, over the baseline
    injected_truth: float | None  # what it should be; None where a step is too slow for it
    least_effect: float  # the smallest worth naming, a share
    smallest_seen: float  # the smallest that this run would have named, a share
    modes: list[float]  # ratios that the processes fall into, where these are two
    word: str  # FASTER, SLOWER or INCONCLUSIVE
    note: str = ""  # why the word is no stronger
    discarded: list[Discarded] = []
    pairs: int  # of baseline and candidate, over all processes
    baseline_s: float  # median seconds a step, for scale only
    candidate_s: float
    times: dict[str, StepTime] = {}  # {"baseline": …, "candidate": …}; none of older clocks
    charged_s: float = 0.0  # of those, its share of adopting and reading a state
    first_call_s: float  # one-off work and the first step, of the candidate
    pays_back_after: float | None  # steps, against the baseline's one-off work
    peak_bytes: dict[str, int]  # of one call, beyond the state: {"baseline": …, "candidate": …}
    stream_gb_s: float
    share_of_limit: float | None  # least bytes of a step at stream speed / candidate's time
    steps: int  # a block
    extra: int  # steps that the injected slowdown adds to a block
    processes: int

    @property
    def claimed(self) -> bool:
        """Whether enough fresh processes stand behind it to publish it."""
        return self.processes >= CLAIMED

    @property
    def kind(self) -> str:
        kind = "published" if self.claimed else "everyday"
        return f"{kind} ({self.processes} processes)"

    @property
    def speedup(self) -> float:
        return 1 / self.ratio

    @property
    def wall(self) -> str:
        """The speedup by wall clock: value [95 % interval]."""
        return as_speedup(self.ratio, self.low, self.high)

    @property
    def interval(self) -> str:
        """That interval alone: 4.59 to 5.66."""
        return f"{times(1 / self.high)} to {times(1 / self.low) if self.low > 0 else '∞'}"

    @property
    def cpu(self) -> str:
        """The speedup by processor time."""
        return as_speedup(self.cpu_ratio, self.cpu_low, self.cpu_high)

    def step_time(self, who: str) -> str:
        """Of the baseline or the candidate, with its standard deviation; of older clocks the
        median alone."""
        if who in self.times:
            return spread(self.times[who].mean, self.times[who].deviation)
        return duration(self.baseline_s if who == "baseline" else self.candidate_s)

    @property
    def story(self) -> str:
        """What the speedup is made of: both times, how many pairs, and memory."""
        before, after = (self.step_time(who) for who in ("baseline", "candidate"))
        pairs = f"{self.pairs} pairs in {self.processes} process{'es' * (self.processes != 1)}"
        if not self.peak_bytes:
            return f"a step {before} -> {after}, {pairs}"
        held, needed = (size(self.peak_bytes[who]) for who in ("baseline", "candidate"))
        change = reduction(self.peak_bytes) or "none"
        return (
            f"a step {before} -> {after}, {pairs}; memory of a call {held} -> {needed} ({change})"
        )

    @property
    def why(self) -> str:
        """Why the word is no stronger, and of an inconclusive one what to do about it."""
        if self.word != "INCONCLUSIVE" or "--processes" in self.note:
            return self.note
        reason = self.note or "the interval does not lie clear of 1"
        return f"{reason}; to narrow the interval, measure with --processes {ENOUGH}"

    @property
    def headline(self) -> float:
        """The speedup that can be believed: the lower bound."""
        return 1 / self.high


def as_speedup(ratio: float, low: float, high: float) -> str:
    """A time ratio with its interval, the other way up."""
    value, smallest, largest = (times(1 / r) if r > 0 else "∞" for r in (ratio, high, low))
    return f"{value}× [{smallest}, {largest}]"


class Measurement(Part):
    """What the clock found of an optimization, bound to the code that its verdict is on."""

    optimization: str
    engine: str
    level: str
    made: str = ""
    session: str = ""  # in which it was timed; candidates of one share rounds
    code: str  # of the verdict: `Conclusion.code`
    baseline: str  # seal of its manifest
    protocol: int  # of the clock
    modified: str = ""  # see `Protocol.modified`
    device: str = "cpu"
    conditions: Conditions
    samples: str = ""  # digest of the raw pairs of every case
    cases: dict[str, Timing]

    @property
    def tags(self) -> set[str]:
        """What a change of the clock's protocol names to make it stale."""
        return {self.device}

    def file(self, on: str) -> Measurement:
        """Write it down as evidence of that kind of machine."""
        self.made = self.made or today()
        results.put(SECTION, self, self.optimization, on)
        return self


SECTION = "timing"
