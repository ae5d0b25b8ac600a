"""Roofline model: peaks of a machine, and the distance of a case or of an operator to them.

    floor = max(least bytes / bandwidth at that working set, least arithmetic / peak)

Least bytes: see `tools.costs.minimum_work`. Least arithmetic: the least that any implementation of
the case was counted to do; kernels that the counter cannot see into do not take part. A step that
takes less time than its floor is no mistake: it makes several steps while the data are in cache.
"""

from collections.abc import Iterable
from functools import cache

from groundspeed.tools.records.conditions import Conditions
from groundspeed.validation import machine
from groundspeed.validation.records import results
from groundspeed.validation.records.base import Part


class Ceiling(Part):
    """One rate: GB/s or Gflop/s."""

    kind: str  # in_place, copy, read, or the dtype of a product
    level: str  # L1, L2, L3, memory, "arithmetic", or "launch": 1e9 operators a second
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
        import numpy as np  # late: `groundspeed list` has no time for it

        rows = [c for c in self.ceilings if c.kind == "in_place" and c.threads == threads]
        sizes, rates = zip(*sorted((c.bytes * c.threads, c.best) for c in rows), strict=True)
        return 1e9 * float(np.interp(np.log(max(working_set, 1)), np.log(sizes), rates))

    def arithmetic(self, dtype: str, threads: int = 1) -> float:
        """Floating-point operations a second; of the wider type where a type was not measured."""
        kind = dtype.removeprefix("torch.")
        kind = {"complex64": "float32", "complex128": "float64"}.get(kind, kind)
        here = [c for c in self.ceilings if c.threads == threads]
        rows = {c.kind: c.best for c in here if c.level == "arithmetic"}
        return 1e9 * rows.get(kind, rows["float64"])

    @property
    def launch_s(self) -> float:
        """Seconds of the smallest operator, where that was measured."""
        return next(1e-9 / c.best for c in self.ceilings if c.level == "launch")


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


SMALL = 64 * 1024  # bytes a launch; below it the launch is what costs
FEW_LAUNCHES = 5  # an operator that takes no longer than this many of the smallest


def limit(
    ceilings: Ceilings | None,
    seconds: float,
    launches: float,
    moved: float,
    flops: float,
    product: bool,
) -> tuple[str, float | None]:
    """What bounds an operator or a line (bandwidth, products, launches), and its share of that.

    Products with few operations a byte stand under the bandwidth's slope of the roof (S.
    Williams, A. Waterman, D. Patterson, CACM 52(4), 65 (2009), doi:10.1145/1498765.1498785).
    ``seconds``, ``launches``, bytes ``moved`` and ``flops`` are of the same work. A share
    above one means that the data stayed in a cache which the stream did not have.
    """
    if not ceilings or not launches or seconds <= 0:
        return "", None
    threads, each = ceilings.conditions.threads, seconds / launches
    stream = ceilings.bandwidth(moved / launches, threads)
    peak = max(ceilings.arithmetic(dtype, threads) for dtype in ("float32", "float64"))
    if product and flops / max(moved, 1) * stream >= peak:
        return "products", flops / seconds / peak
    if moved / launches < SMALL or each < FEW_LAUNCHES * ceilings.launch_s:
        return "launches", min(1.0, ceilings.launch_s / each)
    return "bandwidth", moved / seconds / stream


def least_flops(counted: Iterable, case: str) -> float:
    """The least arithmetic of a step among the counts of all who compute the case."""
    seen = [
        count.per_step("flops")
        for record in counted
        for count in (record.baseline.get(case), record.candidate.get(case))
        if count is not None and not count.opaque and not count.total("compiled")
    ]
    return min(seen, default=0.0)
