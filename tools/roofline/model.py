"""Roofline model: the fastest possible time of a case on this machine.

    floor = max(least bytes / bandwidth at that working set, least arithmetic / peak)

Least bytes: see `tools.costs.minimum_work`. Least arithmetic: the least that any implementation of
the case was counted to do; kernels that the counter cannot see into do not take part. A step that
takes less time than its floor is no mistake: it makes several steps while the data are in cache.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterable
from functools import cache

from tools.records.conditions import Conditions
from validation import machine
from validation.records import results
from validation.records.base import Part


class Ceiling(Part):
    """One rate: GB/s or Gflop/s."""

    kind: str  # in_place, copy, read, or the dtype of a product
    level: str  # L1, L2, L3, memory, or "arithmetic"
    bytes: int  # working set of a thread
    threads: int
    best: float  # 95th percentile of the trials
    median: float
    trials: int


class Ceilings(Part):
    """Everything measured in one run, and under which conditions."""

    made: str
    conditions: Conditions
    ceilings: list[Ceiling]

    def bandwidth(self, working_set: float, threads: int = 1) -> float:
        """Bytes a second of the in-place stream: the next smaller and larger sizes, blended."""
        rows = sorted(
            (c.bytes * c.threads, c.best)
            for c in self.ceilings
            if c.kind == "in_place" and c.threads == threads
        )
        sizes, rates = zip(*rows, strict=True)
        at = min(max(bisect(sizes, working_set), 1), len(sizes) - 1)
        (low, high), (slow, fast) = sizes[at - 1 : at + 1], rates[at - 1 : at + 1]
        share = math.log(max(working_set, 1) / low) / math.log(high / low)
        return 1e9 * (slow + (fast - slow) * min(max(share, 0.0), 1.0))

    def arithmetic(self, dtype: str, threads: int = 1) -> float:
        """Floating-point operations a second; of the wider type where a type was not measured."""
        kind = dtype.removeprefix("torch.")
        kind = {"complex64": "float32", "complex128": "float64"}.get(kind, kind)
        rows = {
            c.kind: c.best
            for c in self.ceilings
            if c.level == "arithmetic" and c.threads == threads
        }
        return 1e9 * rows.get(kind, rows["float64"])


SECTION, NAME = "ceilings", "tools/ceilings"


@cache
def on_file(on: str = "") -> Ceilings | None:
    """The ceilings of a kind of machine, this one by default, if they were measured."""
    return results.section_or_none(Ceilings, SECTION, NAME, on or machine.kind())


def file(found: Ceilings) -> Ceilings:
    results.put(SECTION, found, NAME, machine.kind())
    on_file.cache_clear()
    return found


class Floor(Part):
    """The shortest time that a step of a case can take on this machine."""

    seconds: float
    bytes: int
    flops: float
    bound: str  # "bandwidth" or "arithmetic"


def floor(
    ceilings: Ceilings, dtype: str, least_bytes: int, working_set: int, flops: float
) -> Floor:
    """Of one step on one thread."""
    held = max(working_set, least_bytes / 2, 1)  # tables too: a byte is moved twice at the most
    streaming = least_bytes / ceilings.bandwidth(held)
    computing = flops / ceilings.arithmetic(dtype)
    bound = "arithmetic" if computing > streaming else "bandwidth"
    return Floor(seconds=max(streaming, computing), bytes=least_bytes, flops=flops, bound=bound)


def least_flops(counted: Iterable, case: str) -> float:
    """The least arithmetic of a step among the counts of all who compute the case."""
    seen = [
        count.per_step("flops")
        for record in counted
        for count in (record.baseline.get(case), record.candidate.get(case))
        if count is not None and not count.opaque and not count.total("compiled")
    ]
    return min(seen, default=0.0)
