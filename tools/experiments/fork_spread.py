"""Command ``experiment --forks``: do ratios of forks spread as those of new processes do?

Optimizations of one baseline are timed in four sessions. Two of them fork their processes, each
from its own preparation; in the other two every process imports and prepares all itself. The
sessions take turns after each process, forwards and backwards, so that whatever drifts on the
machine moves all alike.

Three things would show that forks are not as good. They would spread less within a session, so
that an interval from them is too narrow; two sessions would differ by more than their spread
says, since forks share what was prepared; or all ratios of forks would be higher or lower.
"""

import math
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from statistics import fmean, median, variance
from time import perf_counter
from typing import TYPE_CHECKING

from groundspeed.tools import console
from groundspeed.tools.console import Tell
from groundspeed.tools.records.evidence import View
from groundspeed.tools.records.machine_load import wait_for_quiet
from groundspeed.validation import machine
from groundspeed.validation.records import results, samples
from groundspeed.validation.records.base import Part, today

if TYPE_CHECKING:
    from groundspeed.tools.timing.aggregate import CaseSamples

PROCESSES = 8  # a session
SESSIONS = ("forks", "new", "forks", "new")  # as they take turns
SECTION, NAME = "fork_spread", "tools/experiment"

LogRatios = dict[str, list[float]]  # of a session, by optimization and case
Sessions = dict[str, list[dict]]  # by kind: the seconds of each and its ratios


class ForkSpread(Part):
    """What the sessions show, of pairs of an optimization and a case."""

    made: str
    optimizations: list[str]
    processes: int
    pairs: int
    spread: dict[str, float]  # median standard deviation of log ratios within a session
    narrower: tuple[float, float, float]  # that of forks over that of new ones, and its interval
    apart: dict[str, float]  # two sessions, in units of what their spread says: root mean square
    level: float  # of the ratios of forks over those of new processes, the mean, less 1
    level_interval: tuple[float, float]
    seconds: dict[str, float]  # a process, everything included
    samples: str  # digest of the sessions, with the ratio of every process

    @property
    def lines(self) -> Iterator[tuple[str, ...]]:
        for kind, spread in self.spread.items():
            words = f"two sessions apart by {self.apart[kind]:.2f}, {self.seconds[kind]:.0f} s each"
            yield kind, f"spread {spread:.1%}", words
        value, low, high = self.narrower
        yield "spread, forks over new", f"{value:.2f} [{low:.2f}, {high:.2f}]"
        low, high = self.level_interval
        yield "ratio, forks over new", f"{self.level:+.1%} [{low:+.1%}, {high:+.1%}]"


def run(names: list[str], as_json: bool = False) -> int:
    """Time the sessions, and put what they show on file."""
    wait_for_quiet()
    with console.progress("forks and new processes", total=len(SESSIONS) * PROCESSES) as tell:
        found = sessions_in_turn(names, tell)
    shown = fork_spread(names, found)
    results.put(SECTION, shown, NAME, machine.kind())
    console.answer(as_json, shown, shown.lines, widths=(20, 24, 40))
    return 0


def on_file(view: View) -> list[tuple[str, ForkSpread]]:
    """What the first machine that made the experiment shows, with its name; or nothing."""
    having = ((on, results.section_or_none(ForkSpread, SECTION, NAME, on)) for on in view.machines)
    return [(on, found) for on, found in having if found][:1]


def sessions_in_turn(names: list[str], tell: Tell) -> Sessions:
    """By kind, the sessions after all their processes."""
    from groundspeed.tools.timing.session import Plan, Session, allowed_to_run  # late: torch

    allowed = {name: allowed_to_run(name, dirty=True) for name in names}
    plan = Plan(least=PROCESSES, most=PROCESSES, audited=0)
    timed = [
        Session(allowed, False, replace(plan, anew=kind == "new"), tell, {}) for kind in SESSIONS
    ]
    seconds = dict.fromkeys(range(len(timed)), 0.0)
    with ExitStack() as ending:
        processes = [ending.enter_context(closing(session.processes())) for session in timed]
        for turn in range(PROCESSES):
            for i in seconds if turn % 2 else reversed(seconds):
                began = perf_counter()
                next(processes[i], None)
                seconds[i] += perf_counter() - began
    found: Sessions = {kind: [] for kind in SESSIONS}
    for i, kind in enumerate(SESSIONS):
        found[kind].append({"seconds": seconds[i], "ratios": log_ratios(timed[i].rows)})
    return found


def log_ratios(rows: "dict[tuple[str, str], CaseSamples]") -> LogRatios:
    """The median ratio of every process as a logarithm, in their order, whatever its control
    shows."""
    from groundspeed.tools.timing import aggregate  # late: its page needs none of it

    found = {}
    for place, case in rows.items():
        every = sorted((*case.kept, *(row for row, _ in case.off)), key=lambda row: row["number"])
        if len(every) == PROCESSES:
            medians = aggregate.medians([row["rounds"] for row in every], "candidate", 0)
            found["/".join(place)] = [math.log(ratio) for ratio in medians]
    return found


def fork_spread(names: list[str], sessions: Sessions) -> ForkSpread:
    """Of the pairs that every session has.

    Raises:
        ValueError: there are fewer than three.
    """
    from groundspeed.tools.timing.intervals import between  # late: scipy

    found = {kind: [one["ratios"] for one in own] for kind, own in sessions.items()}
    everywhere = set.intersection(*(set(own) for kind in found.values() for own in kind))
    if len(everywhere) < 3:
        raise ValueError(
            f"{len(everywhere)} pairs of an optimization and a case; allowed: 3 or more"
        )
    pairs = sorted(everywhere)
    spreads = {kind: [within(own, pair) for pair in pairs] for kind, own in found.items()}
    narrower = between([a / b for a, b in zip(*spreads.values(), strict=True)])
    turns = {kind: levels(own, pairs) for kind, own in found.items()}
    level = between([math.exp(a - b) for a, b in zip(*turns.values(), strict=True)])
    return ForkSpread(
        made=today(),
        optimizations=sorted(names),
        processes=PROCESSES,
        pairs=len(pairs),
        spread={kind: median(own) for kind, own in spreads.items()},
        narrower=tuple(narrower),
        apart={kind: apart(own, pairs) for kind, own in found.items()},
        level=level.value - 1,
        level_interval=(level.low - 1, level.high - 1),
        seconds={
            kind: fmean(one["seconds"] for one in own) / PROCESSES for kind, own in sessions.items()
        },
        samples=samples.keep({"optimizations": sorted(names), "sessions": sessions}),
    )


def within(sessions: list[LogRatios], pair: str) -> float:
    """Standard deviation within sessions, pooled."""
    return max(fmean(variance(own[pair]) for own in sessions) ** 0.5, 1e-6)


def levels(sessions: list[LogRatios], pairs: list[str]) -> list[float]:
    """The mean of all pairs in each turn: processes are independent, pairs of one are not."""
    turns = range(PROCESSES)
    return [fmean(own[pair][turn] for own in sessions for pair in pairs) for turn in turns]


def apart(sessions: list[LogRatios], pairs: list[str]) -> float:
    """Two sessions' difference over the standard error that their spread gives it."""
    one, two = sessions
    squares = []
    for pair in pairs:
        error = within(sessions, pair) * (1 / len(one[pair]) + 1 / len(two[pair])) ** 0.5
        squares.append(((fmean(one[pair]) - fmean(two[pair])) / error) ** 2)
    return fmean(squares) ** 0.5
