"""Quantities for people: seconds and bytes in the unit that fits, and what changed in percent."""

SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def unit_of(seconds: float) -> tuple[float, str]:
    """The largest unit of which there is at least one."""
    return next((u for u in SECONDS if abs(seconds) >= u[0]), SECONDS[-1])


def digits(value: float) -> str:
    """Three digits, never as a power of ten: 0.012, 1.23, 12.3, 1230."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """1.23 ms."""
    scale, unit = unit_of(seconds)
    return f"{digits(seconds / scale)} {unit}"


def spread(mean: float, deviation: float) -> str:
    """Seconds with their standard deviation: 12.3 ± 0.4 ms."""
    scale, unit = unit_of(mean)
    return f"{digits(mean / scale)} ± {digits(deviation / scale)} {unit}"


def percent(share: float) -> str:
    """171 %, 36 %, 0.4 %: two digits, and all of those before the point."""
    value = 100 * share
    return f"{value:.0f} %" if value >= 10 else f"{value:.2g} %"


def times(factor: float) -> str:
    """1.05, 12.34, 829: two decimals, and none of a hundred and more."""
    return f"{factor:.2f}" if factor < 100 else f"{factor:.0f}"


def size(count: float) -> str:
    """1.5 MiB."""
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if abs(count) >= 2**power:
            return f"{digits(count / 2**power)} {unit}"
    return f"{digits(count)} B"


def reduction(peak_bytes: dict[str, int]) -> str:
    """Change of memory from baseline to candidate: −37 %."""
    before, after = peak_bytes["baseline"], peak_bytes["candidate"]
    if not before:
        return "" if not after else "new"
    percent = 100 * (after - before) / before
    if round(percent) == 0:
        return "same"
    return f"−{-percent:.0f} %" if percent < 0 else f"+{percent:.0f} %"
