"""Protocols of the clock and of the counter; see `validation.protocol`."""

from collections.abc import Callable
from pathlib import Path

from groundspeed import project
from groundspeed.validation.protocol import Change, Protocol


def modules(*patterns: str) -> Callable[[], list[Path]]:
    """Those of tools/ that fit a pattern."""
    return lambda: [p for pattern in patterns for p in (project.HARNESS / "tools").glob(pattern)]


CLOCK = Protocol(
    "clock",
    (
        Change(1, "one candidate and its baseline, paired in fresh processes"),
        Change(
            2,
            "candidates of a baseline share its rounds beside a known slowdown and a second timer",
            ("cpu",),
        ),
        Change(3, "a control is weighed against the effect beside it"),
        Change(4, "blocks end by waiting for a GPU; states are read where the engine works"),
        Change(5, "the baseline is timed in isolation too, so that who slows it is found"),
        Change(6, "the allocator's settings are fixed in timed processes", ("cpu",)),
        Change(7, "work put off until a state is read is judged by the median over processes"),
        Change(8, "compilers start afresh for each case and may not give up in silence"),
        Change(
            9,
            "adopting and reading a state are charged, and every pass has a start of its own",
            ("cpu", "cuda"),
        ),
        Change(10, "over ranks the processor time of a block is that of the busiest rank"),
        Change(
            11,
            "outcomes are read off an interval that controls and processor time widen; more "
            "processes, in rounds of balanced order",
        ),
        Change(12, "a case is prepared once, and every further process is a fork of that"),
        Change(13, "every process prepares a case itself: forks were slower for some candidates"),
    ),
    modules("timing/*.py", "experiments/sweep_worker.py"),
    project.HARNESS / "tools" / "clock.lock",
)
COUNTER = Protocol(
    "counter",
    (Change(1, "operators, bytes, arithmetic, new arrays and waits of a step, line by line"),),
    modules("costs/dispatch_counter.py", "costs/operator_cost.py", "costs/minimum_work.py"),
    project.HARNESS / "tools" / "counter.lock",
)
