"""From raw pairs to a ratio with an interval, and to a word.

Inside a process: the median of log(candidate / baseline) over rounds, with the exact
order-statistic interval. Between processes: the mean of those medians with a t interval,
because for different code the ratio moves by several percent from process to process.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import mean, median, stdev
from typing import NamedTuple

from scipy.stats import binom, t

CONFIDENCE = 0.95
LEAST_EFFECT = 0.01  # smaller than any change worth naming


class Interval(NamedTuple):
    """A ratio and the interval that holds it with 95 % confidence."""

    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        return math.log(self.high / self.low) if self.low > 0 else math.inf


def within(ratios: Sequence[float]) -> Interval:
    """Median of the ratios of one process, and its order-statistic interval."""
    ordered, n = sorted(ratios), len(ratios)
    rank = max(0, int(binom.ppf((1 - CONFIDENCE) / 2, n, 0.5)) - 1)
    return Interval(median(ordered), ordered[rank], ordered[n - 1 - rank])


def between(values: Sequence[float]) -> Interval:
    """Geometric mean of the processes' medians, and its t interval."""
    logs = [math.log(v) for v in values]
    if len(logs) < 2:
        return Interval(values[0], 0.0, math.inf)
    middle = mean(logs)
    half = t.ppf((1 + CONFIDENCE) / 2, len(logs) - 1) * stdev(logs) / math.sqrt(len(logs))
    return Interval(*(math.exp(x) for x in (middle, middle - half, middle + half)))


def verdict(wall: Interval, cpu: Interval, noise: float) -> str:
    """FASTER, SLOWER or INCONCLUSIVE: both clocks must say so, beyond the noise.

    ``noise`` is how far the control was from 1, as a log ratio.
    """
    margin = max(LEAST_EFFECT, noise)
    if all(math.log(i.high) < -margin for i in (wall, cpu)):
        return "FASTER"
    if all(i.low > 0 and math.log(i.low) > margin for i in (wall, cpu)):
        return "SLOWER"
    return "INCONCLUSIVE"
