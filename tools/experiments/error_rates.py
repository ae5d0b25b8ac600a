"""Command ``experiment``: error rates of the clock on identical code and on known slowdowns.

A hundred fresh processes; in each the same code is timed against itself, and against itself
with 2 % and 5 % more work. What the clock says of them, and what usual methods say of the
very same seconds, is committed as evidence of this kind of machine; the seconds are samples.
Every process is kept as soon as it is through, so the experiment may be stopped and resumed.
"""

import inspect
import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from statistics import mean, median, stdev

from scipy.stats import mannwhitneyu, t

from groundspeed.tools import console
from groundspeed.tools.process import Died, Worker
from groundspeed.tools.records.answers import RateOutcome
from groundspeed.tools.records.conditions import Conditions, timing_conditions
from groundspeed.tools.records.evidence import View
from groundspeed.tools.records.machine_load import wait_for_quiet
from groundspeed.tools.records.protocols import CLOCK
from groundspeed.tools.rendering.templates import PAGES
from groundspeed.tools.timing import intervals
from groundspeed.tools.timing.intervals import Interval, beyond
from groundspeed.validation import machine
from groundspeed.validation.records import digests, results, samples
from groundspeed.validation.records.base import BrokenRecord, Part, Record, today

TRIALS = 100
SAME, CHANGED = "A/A", ("+2 %", "+5 %")
ALLOWED = {"A/A": 1 / 50, "+2 %": 0.90, "+5 %": 0.98}  # at most wrong; at least seen
OVERHEAD = 0.02

Method = Callable[["ErrorRateRun", "ErrorRateRun", str], str]  # of a run, that before it, and who


class ErrorRateRun(Part):
    """One process; see `tools.experiments.error_rates_worker`."""

    turns: dict[str, str]
    sequential: dict[str, list[float]]
    overhead: dict[str, list[tuple[float, float]]]

    def times(self, who: str, clock: int = 0) -> list[float]:
        """Of every round, by wall clock (0) or processor time (1)."""
        return [float(pair.split(":")[clock]) for pair in self.turns[who].split()]

    def ratio(self, who: str, clock: int) -> Interval:
        """By the clock's own estimate."""
        return intervals.fine(self.times(who, clock), self.times("A", clock))

    @property
    def measured_s(self) -> float:
        """Seconds of measuring that one comparison took, the longest of them."""
        base = sum(self.times("A"))
        return 1e-7 * max(base + sum(self.times(who)) for who in (SAME, *CHANGED))


class Experiment(Record):
    """Raw times of every process, and the conditions when it began."""

    conditions: Conditions
    method: str  # digest of the measuring code
    trials: list[ErrorRateRun] = []


class ErrorRates(Part):
    """What the experiment shows: everything on its page."""

    made: str
    protocol: int  # of the clock
    conditions: Conditions
    samples: str  # digest of the experiment with every single time
    trials: int
    rounds: int
    longest_s: float  # of measuring that a comparison took
    block_ms: float
    call_us: float
    rows: list[dict[str, str | int]]  # for each method: how often it is wrong, and right
    overhead: tuple[float, float, float]  # of the loop, as shares: value and interval
    same_call: tuple[float, float, float]
    spread: dict[str, tuple[float, float]]

    @property
    def passed(self) -> bool:
        """Whether the clock keeps to what is allowed."""
        first = self.rows[0]
        seen = all(first[who] >= ALLOWED[who] * self.trials for who in CHANGED)
        right = first[SAME] <= ALLOWED[SAME] * self.trials
        return seen and right and self.overhead[0] < OVERHEAD


SECTION, NAME = "error_rates", "tools/experiment"


def path() -> Path:
    return digests.ROOT / ".groundspeed" / "experiment.json"


def run(trials: int = TRIALS, as_json: bool = False) -> int:
    """Resume the experiment up to so many processes; exit 1 where it misses what is allowed."""
    if trials < 2:
        raise ValueError(f"{trials} processes asked for; allowed: 2 and more, 100 for the table")
    found = begun()
    with console.progress("experiment", total=trials) as tell:
        for seed in range(len(found.trials), trials):
            tell(f"process {seed + 1} of {trials}")
            found.trials.append(one(seed))
            found.made = ""
            found.write(path())
    rates = error_rates(found)
    results.put(SECTION, rates, NAME, machine.kind())
    outcomes = RateOutcome(rows=rates.rows, overhead=rates.overhead)
    console.answer(as_json, outcomes, lines(rates), widths=(72, 14, 14))
    return int(not rates.passed)


def error_rates(found: Experiment) -> ErrorRates:
    return ErrorRates(
        made=found.made or today(),
        protocol=CLOCK.number,
        conditions=found.conditions,
        samples=samples.keep(found.model_dump(mode="json")),
        trials=len(found.trials),
        rounds=len(found.trials[0].times("A")),
        longest_s=max(trial.measured_s for trial in found.trials),
        block_ms=median(1e-4 * x for trial in found.trials for x in trial.times("A")),
        call_us=median(1e6 * t for trial in found.trials for _, t in trial.overhead["call"]),
        rows=rows(found),
        overhead=tuple(x - 1 for x in overhead(found)),
        same_call=tuple(x - 1 for x in same_call(found)),
        spread=spread(found),
    )


def begun() -> Experiment:
    """The experiment on file if it was made by this code on this machine, or a new one."""
    method = method_digest()
    with suppress(FileNotFoundError, BrokenRecord):
        found = Experiment.read(path())
        if found.method == method and found.conditions.settings == timing_conditions().settings:
            return found
    return Experiment(conditions=timing_conditions(beside=wait_for_quiet()), method=method)


def method_digest() -> str:
    """Of what takes the times: the trial, and the loop that the clock times with."""
    from groundspeed.tools.timing.runners import Runner  # late: torch

    trial = (Path(__file__).parent / "error_rates_worker.py").read_text("utf-8")
    return digests.of_plain([trial, inspect.getsource(Runner)])


def one(seed: int) -> ErrorRateRun:
    """A fresh process.

    Raises:
        RuntimeError: it ended without an answer.
    """
    try:
        with Worker("groundspeed.tools.experiments.error_rates_worker") as worker:
            return ErrorRateRun(**worker.ask(seed))
    except Died as why:
        raise RuntimeError(f"process {seed} of the experiment {why}; run it again") from None


def ours(trial: ErrorRateRun, _: ErrorRateRun, who: str) -> str:
    return intervals.fine_verdict(trial.ratio(who, 0), trial.ratio(who, 1))


def sequential_median(trial: ErrorRateRun, _: ErrorRateRun, who: str) -> str:
    """asv's test of two results: Mann and Whitney, p < 0.002."""
    a, b = trial.sequential[who], trial.sequential["A"]
    if mannwhitneyu(a, b).pvalue >= 0.002:
        return "INCONCLUSIVE"
    return "SLOWER" if median(a) > median(b) else "FASTER"


def sequential_least(trial: ErrorRateRun, _: ErrorRateRun, who: str) -> str:
    """The fastest call of each, taken at its word where it differs by 1 %."""
    ratio = min(trial.sequential[who]) / min(trial.sequential["A"])
    return beyond(Interval(ratio, ratio / 1.01, ratio * 1.01), 0)


def means(a: list[float], b: list[float]) -> Interval:
    """The ratio of means and its 95 % interval, calls taken for independent."""
    spread = math.sqrt(sum((stdev(x) / mean(x)) ** 2 / len(x) for x in (a, b)))
    half = t.ppf(0.975, len(a) + len(b) - 2) * spread
    ratio = mean(a) / mean(b)
    return Interval(ratio, ratio * math.exp(-half), ratio * math.exp(half))


METHODS: dict[str, Method] = {
    "**turn about, block minima, Hodges-Lehmann, both clocks (this clock)**": ours,
    "turn about, median of ratios, order-statistic interval, wall": lambda trial, _, who: beyond(
        intervals.within([a / b for a, b in zip(trial.times(who), trial.times("A"), strict=True)]),
        0,
    ),
    "one after the other, means, normal interval": lambda trial, _, who: beyond(
        means(trial.sequential[who], trial.sequential["A"]), 0
    ),
    "one after the other, medians, Mann-Whitney p < 0.002": sequential_median,
    "one after the other, fastest call, 1 %": sequential_least,
    # as tools do that time one commit after the other
    "in two processes, means, normal interval": lambda trial, before, who: beyond(
        means(trial.times(who), before.times("A")), 0
    ),
}


def rows(found: Experiment) -> list[dict]:
    """For each method: how many identical pairs it calls different, how many slowdowns it sees."""
    pairs = list(zip(found.trials, [found.trials[-1], *found.trials[:-1]], strict=True))
    table = []
    for name, method in METHODS.items():
        outcomes = {who: [method(*pair, who) for pair in pairs] for who in (SAME, *CHANGED)}
        wrong = sum(outcome != "INCONCLUSIVE" for outcome in outcomes[SAME])
        seen = {who: outcomes[who].count("SLOWER") for who in CHANGED}
        table.append({"method": name, SAME: wrong} | seen)
    return table


def overhead(found: Experiment) -> Interval:
    """What the clock's loop adds to a call of 100 µs, over torch's own figure for that call.

    Measured on an empty call, where nothing but the two loops is timed.
    """
    loops = [median(ours - theirs for ours, theirs in r.overhead["empty"]) for r in found.trials]
    calls = [median(theirs for _, theirs in r.overhead["call"]) for r in found.trials]
    return intervals.between([1 + a / b for a, b in zip(loops, calls, strict=True)])


def same_call(found: Experiment) -> Interval:
    """The clock's time of the 100 µs call itself over torch's: loops, and what caches do."""
    calls = [zip(*trial.overhead["call"], strict=True) for trial in found.trials]
    return intervals.between([intervals.fine(*pair).value for pair in calls])


def spread(found: Experiment) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of the clock's estimate, as shares."""
    ratios = {who: [trial.ratio(who, 1).value for trial in found.trials] for who in ALLOWED}
    logs = {who: list(map(math.log, values)) for who, values in ratios.items()}
    return {who: (mean(own), stdev(own)) for who, own in logs.items()}


def page(view: View) -> str:
    """The text of reports/experiment.md, from the first machine that has made it."""
    having = ((on, results.section_or_none(ErrorRates, SECTION, NAME, on)) for on in view.machines)
    found = [(on, rates) for on, rates in having if rates][:1]
    if not found:
        return ""
    words = {"found": found, "same": SAME, "changed": CHANGED}
    return PAGES.get_template("experiment.md").render(**words)


def lines(rates: ErrorRates) -> Iterator[tuple[str, ...]]:
    yield f"of {rates.trials}", f"{SAME} different", *(f"{who} seen" for who in CHANGED)
    for row in rates.rows:
        yield row["method"].strip("*"), *(str(row[who]) for who in (SAME, *CHANGED))
    for what, interval in (("the loop", rates.overhead), ("the same call", rates.same_call)):
        value, low, high = (f"{x:+.2%}" for x in interval)
        yield f"of 100 µs by torch's timer, {what}: {value} [{low}, {high}]", ""
