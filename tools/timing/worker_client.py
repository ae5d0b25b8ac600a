"""Client of a timing process: starts it, reads its messages, and keeps its own clock.

Code under test shares the worker's address space and could patch its timer. The parent
reads its clock at the marks that the worker sends around its blocks: what the worker says
they took must be what passed here.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import add
from typing import NamedTuple

from tools.process import PATIENCE_S, Worker
from tools.timing.isolated_baseline import IsolatedBaseline

SHARE = 0.15  # of the time between two marks that may pass outside the timed blocks
ALONE_SHARE = 0.25  # of an audit, which is short
LATENCY_S = 3e-3  # of a mark on its way here


class Times(NamedTuple):
    """What the worker's timer and the parent's say of the same blocks."""

    worker_s: float
    parent_s: float
    marks: int = 1
    expected_s: float = 0.0  # of an audit: what its rounds led to expect

    @property
    def agree(self) -> bool:
        """Whether the two clocks tell the same, and an audit what was timed before."""
        share = ALONE_SHARE if self.expected_s else SHARE
        leeway = share * max(self.parent_s, self.worker_s) + LATENCY_S * self.marks
        # the fastest block of the rounds bounds an audit from below, nothing from above
        hidden = self.expected_s > 0 and self.parent_s > 3 * self.expected_s + 10 * LATENCY_S
        return abs(self.parent_s - self.worker_s) <= leeway and not hidden

    def __str__(self) -> str:
        text = f"{self.worker_s:.4f} s by its own timer, {self.parent_s:.4f} s by the parent's"
        return text + (f", {self.expected_s:.4f} s in the rounds before" if self.expected_s else "")


@dataclass
class TimedCase:
    """One case of one process: what the worker told, and the parent's times beside it.

    Rounds are added up. Of the audits of a contender one that agrees is enough: a processor that
    is taken away spoils any of them, and a timer that lies spoils all.
    """

    row: dict
    times: dict[str, Times] = field(default_factory=dict)
    isolated_pairs: list[list[float]] = field(default_factory=list)  # see `IsolatedBaseline.end`

    def off(self, name: str) -> str:
        """Why the timer of the worker is not to be believed about a contender; or nothing."""
        for who in ("rounds", "baseline", name):
            if (seconds := self.times.get(who)) and not seconds.agree:
                return f"{who} took {seconds}"
        return ""


def timed_cases_of(
    module: str,
    asked: dict,
    patience_s: float = PATIENCE_S,
    isolated: IsolatedBaseline | None = None,
) -> Iterator[TimedCase]:
    """What `python -m MODULE ASKED` tells, case by case; it waits while one is looked at, and
    while the isolated baseline, if there is one, makes the steps of a round.

    Raises:
        Died: it ended or fell silent before it was through.
    """
    with Worker(module, json.dumps(asked), patience_s=patience_s) as worker:
        if isolated:
            isolated.follow(worker.process.pid)
        yield from follow(answered(worker), isolated)


def answered(worker: Worker) -> Iterator[tuple[float, dict]]:
    """Each word; who asks for the next one has done with it, and the worker is told so."""
    for now, message in worker.answers:
        yield now, message
        if "begin" not in message:
            worker.tell(None)


def follow(
    messages: Iterator[tuple[float, dict]], isolated: IsolatedBaseline | None = None
) -> Iterator[TimedCase]:
    """Pair the marks; hand on a case where it is complete."""
    times: dict[str, Times] = {}
    who, began = "", 0.0
    for now, message in messages:
        if "begin" in message:
            who, began = message["begin"], now
        elif "end" in message:
            found = Times(message["end"], now - began, 1, message.get("expected", 0.0))
            if who not in times or (found.expected_s and found.agree):
                times[who] = found
            elif not found.expected_s:
                times[who] = Times(*map(add, times[who], found))
            if isolated and who == "rounds":
                isolated.round_over()
        elif "frozen" in message and isolated:
            isolated.begin(message)
        elif "case" in message:
            yield TimedCase(message, times, isolated.end(message["rounds"]) if isolated else [])
            times = {}
