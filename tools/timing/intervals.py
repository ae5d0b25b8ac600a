"""Statistics: from raw pairs to a ratio with an interval, and to an outcome.

Inside a process: the median of log(candidate / baseline) over rounds, with the exact
order-statistic interval. Between processes: the mean of those medians with a t interval,
because for different code the ratio moves by several percent from process to process.
That interval is widened by what could overturn it: what identical code shows in the same
rounds, and what the other clock says. The outcome is read off the widened interval.
Two versions of nearly the same code are told apart in one process by the finer estimate
over blocks (`fine`); how small a change it sees is what `groundspeed experiment` counts.
"""

import math
from collections.abc import Sequence
from functools import cache
from statistics import mean, median, stdev
from typing import NamedTuple, Self

import numpy as np
from scipy.special import bdtrik, stdtrit  # scipy.stats has the same, and takes half a second

CONFIDENCE = 0.95
LEAST_EFFECT = 0.01  # smaller than any change worth naming
FINE_MARGIN = 0.003  # of the finer estimate: what identical code shows here in one process
BLOCK = 4  # rounds of which the finer estimate keeps the quietest


class Interval(NamedTuple):
    """A ratio and the interval that holds it with 95 % confidence."""

    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        return math.log(self.high / self.low) if self.low > 0 else math.inf

    @property
    def half(self) -> float:
        """How far its ends are from its middle, as a log ratio."""
        return self.width / 2

    @property
    def off(self) -> float:
        """How far its middle is from 1, as a log ratio."""
        return abs(math.log(self.value))

    def apart(self, half: float) -> Self:
        """The same middle with ends so far from it, as a log ratio."""
        if math.isinf(half):
            return type(self)(self.value, 0.0, math.inf)
        return type(self)(self.value, self.value * math.exp(-half), self.value * math.exp(half))


def within(ratios: Sequence[float]) -> Interval:
    """Median of the ratios of one process, and its order-statistic interval."""
    ordered, n = sorted(ratios), len(ratios)
    rank = max(0, math.ceil(bdtrik((1 - CONFIDENCE) / 2, n, 0.5)) - 1)
    return Interval(median(ordered), ordered[rank], ordered[n - 1 - rank])


def between(values: Sequence[float]) -> Interval:
    """Geometric mean of the processes' medians, and its t interval."""
    logs = [math.log(v) for v in values]
    if len(logs) < 2:
        return Interval(values[0], 0.0, math.inf)
    middle = mean(logs)
    quantile = float(stdtrit(len(logs) - 1, (1 + CONFIDENCE) / 2))
    half = quantile * stdev(logs) / math.sqrt(len(logs))
    return Interval(*(math.exp(x) for x in (middle, middle - half, middle + half)))


def fine(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """Ratio of two nearly equal codes timed turn about in one process.

    Hodges and Lehmann's estimate (1963, doi:10.1214/aoms/1177704172) over
    log(min ours / min theirs) of blocks of rounds, with the interval of Wilcoxon's signed
    ranks. The minimum of a block leaves interruptions out; pairing leaves drift out.
    """
    blocks = max(len(ours) // BLOCK, min(len(ours), 8))
    a, b = (np.array_split(np.asarray(x, float), blocks) for x in (ours, theirs))
    logs = np.array([math.log(x.min() / y.min()) for x, y in zip(a, b, strict=True)])
    pairs = np.add.outer(logs, logs)[np.triu_indices(blocks)] / 2
    pairs.sort()
    total = len(pairs)
    spread = math.sqrt(blocks * (blocks + 1) * (2 * blocks + 1) / 24)
    out = max(0, math.floor(total / 2 - 1.96 * spread - 0.5))
    ends = (np.median(pairs), pairs[out], pairs[total - 1 - out])
    return Interval(*(math.exp(float(x)) for x in ends))


def beside(ratio: Interval, control: Interval) -> Interval:
    """The interval of a ratio beside that of identical code in the same rounds: no narrower than
    that, and its ends further apart by as much as the middle of that is from 1."""
    return ratio.apart(max(ratio.half, control.half) + control.off)


def widened(wall: Interval, cpu: Interval, controls: Sequence[Interval]) -> Interval:
    """The wall clock's ratio, with the interval that holds what either clock leaves open.

    Args:
        controls: of the frozen engine over itself, by wall clock and by processor time.
    """
    both = [beside(ratio, control) for ratio, control in zip((wall, cpu), controls, strict=True)]
    return Interval(wall.value, min(i.low for i in both), max(i.high for i in both))


def beyond(ratio: Interval, least: float = LEAST_EFFECT) -> str:
    """FASTER or SLOWER where all of the interval is further from 1 than that log ratio."""
    if ratio.low > math.exp(least):
        return "SLOWER"
    return "FASTER" if ratio.high < math.exp(-least) else "INCONCLUSIVE"


def fine_verdict(wall: Interval, cpu: Interval) -> str:
    """The word on a small change: processor time decides, the wall clock must not disagree."""
    low, high = (math.log(x) for x in cpu[1:])
    if high < -FINE_MARGIN and math.log(cpu.value) < -LEAST_EFFECT and wall.value < 1:
        return "FASTER"
    if low > FINE_MARGIN and math.log(cpu.value) > LEAST_EFFECT and wall.value > 1:
        return "SLOWER"
    return "INCONCLUSIVE"


def smallest_seen(ratio: Interval) -> float:
    """The smallest true effect, as a share, that a run with this interval would have named."""
    return math.expm1(min(LEAST_EFFECT + ratio.half, 700.0))


def modes(values: Sequence[float]) -> tuple[float, float] | None:
    """Two medians that the processes fall into, where one normal spread cannot explain them.

    The best split into two groups of at least two explains a share of the variance; what
    share chance explains is simulated for as many values (1 % level). Groups closer than
    2 % are one.
    """
    if len(values) < 6:
        return None
    logs = np.sort(np.log(np.asarray(values, float)))
    share, cut = best_split(logs)
    low, high = (float(np.exp(np.median(part))) for part in (logs[:cut], logs[cut:]))
    if share <= explained_by_chance(len(logs)) or high / low < 1.02:
        return None
    return low, high


def best_split(ordered: np.ndarray) -> tuple[float, int]:
    """Share of the variance that the best cut of ordered values explains, and the cut."""
    total = float(((ordered - ordered.mean()) ** 2).sum())
    if total == 0:
        return 0.0, len(ordered) // 2
    left = [
        sum(float(((part - part.mean()) ** 2).sum()) for part in (ordered[:cut], ordered[cut:]))
        for cut in range(2, len(ordered) - 1)
    ]
    best = int(np.argmin(left))
    return 1 - left[best] / total, best + 2


@cache
def explained_by_chance(count: int, level: float = 0.01, draws: int = 2000) -> float:
    """The share that the best cut explains in all but ``level`` of normal samples."""
    samples = np.sort(np.random.default_rng(0).standard_normal((draws, count)), axis=1)
    return float(np.quantile([best_split(s)[0] for s in samples], 1 - level))
