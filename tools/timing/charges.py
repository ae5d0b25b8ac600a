"""Charges: what adopting and reading a state add to each step of a contender.

A trajectory of N steps is adopted once and read once, so a step bears 1/N of both: a changed layout
costs what it costs, on a GPU the way there and back too. That goes for as much as changing a layout
can take, ``COPIES`` copies of the state. What adopting takes beyond is work made ahead, borne by
the steps that were made of it. What a reading takes beyond, or beyond ``LEEWAY`` times a second
reading without a step between, is work put off, borne by the steps since the reading before.

Each is a median, of passes or of readings, as a speed is that of rounds.
"""

from statistics import median

COPIES = 8.0
LEEWAY = 1.5  # a first reading finds the state in slower memory than a second

Shares = dict[str, list[float]]  # by contender: seconds a step, by wall clock and processor time


def of_case(length: int, adopted: list[dict], reads: list[dict], made: int) -> Shares:
    """Shares of the contenders that were read to the end.

    Args:
        length: steps of the trajectory.
        adopted: of each pass {"adopted": {name: seconds}, "copy": seconds}.
        reads: {"steps": since the reading before, "read": {name: {"first": seconds,
            "again": seconds, "way": seconds}}}.
        made: steps of all passes together.
    """
    names = reads[-1]["read"] if reads else ()
    return {
        name: [
            adopting(name, clock, length, adopted, made)
            + reading(name, clock, length, reads, copying(adopted, clock))
            for clock in (0, 1)
        ]
        for name in names
    }


def copying(adopted: list[dict], clock: int) -> float:
    """Seconds that a change of layout may take at the most."""
    return COPIES * median(one["copy"][clock] for one in adopted)


def adopting(name: str, clock: int, length: int, adopted: list[dict], made: int) -> float:
    """Seconds a step of taking a state over, and of work made ahead."""
    usual = median(one["adopted"][name][clock] for one in adopted)
    layout = min(usual, copying(adopted, clock))
    return layout / length + (usual - layout) * len(adopted) / made


def reading(name: str, clock: int, length: int, reads: list[dict], most: float) -> float:
    """Seconds a step of reading a state, and of work put off until then."""
    plain, late = [], []
    for one in reads:
        first, again, way = (one["read"][name][part][clock] for part in ("first", "again", "way"))
        idle = min(first, LEEWAY * again, most)
        plain.append(idle + way)
        late.append((first - idle) / one["steps"])
    return median(plain) / length + median(late)


def with_shares(
    found: dict[str, list[float]], shares: Shares, steps: int, extra: int
) -> dict[str, list[float]]:
    """A round in seconds a step of the baseline; the control and the slowdown injected into it
    are the frozen engine, and bear what it does for as many steps as they make."""
    frozen = shares.get("baseline", [0.0, 0.0])
    longer = [share * (1 + extra / steps) for share in frozen]
    borne = shares | {"control": frozen, "injected": longer}
    return {
        name: [
            float(f"{t / steps + share:.5g}")
            for t, share in zip(took, borne.get(name, (0.0, 0.0)), strict=True)
        ]
        for name, took in found.items()
    }
