"""Sanity checks of a measurement: why a timed candidate gets no number, or "".

It computed something else inside the timed calls, made what the frozen engine calls slower, or
was faster than the machine can move its bytes.
"""

from statistics import median

from groundspeed.tools.timing import aggregate, intervals, output_check
from groundspeed.validation.judge.verdicts import Conclusion
from groundspeed.validation.records.codes import Code, Coded

CEILING = 1.5  # times the in-place stream: no mix of loads and stores runs faster
SLOWED = 1.10  # the frozen engine beside candidates over itself alone, at most
WITNESSED = 6  # rounds at least: of fewer the interval is no wider than they are

Pairs = list[list[float]]  # of one process, by `IsolatedBaseline.end`


def slowing(case: str, processes: list[Pairs]) -> str:
    """Why candidates that slow the frozen engine, by either clock, are rejected.

    The interval is that between processes, as that of a speed is. Of a single one it is that of its
    rounds, which follow one another and share its memory: narrower than it should be.
    """
    processes = [pairs for pairs in processes if pairs]
    if sum(map(len, processes)) < WITNESSED:
        return ""
    ratio = max((over_processes(processes, i) for i in (0, 1)), key=lambda r: r.low)
    if ratio.low <= SLOWED:
        return ""
    return (
        f"{case}: in its process the frozen engine takes {ratio.value:.3g} [{ratio.low:.3g}, "
        f"{ratio.high:.3g}] times as long as in one without it, allowed {SLOWED}: leave alone what "
        "others call, and the processor when a step is done"
    )


def over_processes(processes: list[Pairs], clock: int) -> intervals.Interval:
    """Of one clock's ratios: between the processes' medians; of a single one, of its rounds."""
    ratios = [[pair[clock] for pair in pairs] for pairs in processes]
    if len(ratios) == 1:
        return intervals.within(ratios[0])
    return intervals.between([median(own) for own in ratios])


def wrong_answers(verdict: Conclusion, row: dict, right: output_check.Answers) -> str:
    """The timed calls themselves must have computed the right thing, inside the window."""
    name = f"{verdict.optimization}/{row['case']}"
    if row["changed"]:
        words = f"{name}: changed global state while timed: {', '.join(row['changed'])}"
        return Coded(words, Code.GLOBAL)
    try:
        output_check.check(verdict, row["case"], row, right)
    except output_check.WrongAnswer as wrong:
        return Coded(f"{name}: {wrong}; it computes something else while it is timed", wrong.code)
    return ""


def impossible_speed(name: str, case: str, rows: list[dict]) -> str:
    """More bytes a second than the machine's own stream over as much memory: not computed.

    A step must move at least ``least_bytes``, of which only the share of cells that a block
    changes is certain; and one pass of memory may serve all steps of a call. Of an engine that
    gives none it is what was written at the least: the cells that had changed at the next look.
    """
    if not rows:
        return ""
    shares = []
    for row in rows:
        stream = row["stream_bytes"] / min(r["stream"][0] for r in row["rounds"])
        needed = row["written"]
        if row["least_bytes"] is not None:
            needed = row["least_bytes"] * row["moved"] / row["stride"]
        own = aggregate.middle([row["rounds"]], "candidate")
        shares.append(max(needed / stream / max(own, 1e-12), 1e-12))
    low = intervals.between(shares).low if len(shares) > 1 else shares[0]
    if low <= CEILING:
        return ""
    return Coded(
        f"{name}/{case}: {median(shares):.3g} times the speed at which this machine streams "
        f"the same bytes ({low:.3g} at the least), allowed {CEILING}; no step can do that: "
        "look for work that is skipped, remembered, or done outside the step",
        Code.SPEED,
    )
