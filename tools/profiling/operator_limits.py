"""Distance of a line or an operator to the limits of the machine."""

from __future__ import annotations

from math import log

SMALL = 64 * 1024  # bytes a launch; below it the launch is what costs
FEW_FLOORS = 5  # a launch that takes no longer than this many of the smallest


def stream(ceilings: dict, size: float) -> float:
    """Bytes a second of the in-place stream over so many bytes, between the measured sizes."""
    points = sorted((int(s), rate * 1e9) for s, rate in ceilings["stream_gb_s"].items())
    if size <= points[0][0]:
        return points[0][1]
    for (small, slow), (large, fast) in zip(points, points[1:], strict=False):
        if size <= large:
            part = log(size / small) / log(large / small)
            return slow + part * (fast - slow)
    return points[-1][1]


def limit(
    ceilings: dict, seconds: float, launches: float, count: float, flops: float, product: bool
) -> tuple[str, float | None]:
    """What bounds it (bandwidth, products, launches), and its share of that ceiling.

    Products with few operations a byte stand under the bandwidth's slope of the roof (S.
    Williams, A. Waterman, D. Patterson, CACM 52(4), 65 (2009), doi:10.1145/1498765.1498785).
    ``seconds``, ``launches``, bytes ``count`` and ``flops`` are of the same work. A share
    above one means that the data stayed in a cache which the stream did not have.
    """
    if not ceilings or not launches or seconds <= 0:
        return "", None
    peak = max(ceilings["product_gflop_s"].values()) * 1e9
    if product and flops / max(count, 1) * stream(ceilings, count / launches) >= peak:
        return "products", flops / seconds / peak
    each = seconds / launches
    if count / launches < SMALL or each < FEW_FLOORS * ceilings["launch_s"]:
        return "launches", min(1.0, ceilings["launch_s"] / each)
    return "bandwidth", count / seconds / stream(ceilings, count / launches)
