"""Client of the timing processes: asks, reads their messages, and keeps its own clock.

Code under test shares the worker's address space and could patch its timer. The parent
reads its clock at the marks that the worker sends around its blocks: what the worker says
they took must be what passed here.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import add
from typing import NamedTuple

from groundspeed.tools.timing import charges
from groundspeed.tools.timing.isolated_baseline import IsolatedBaseline
from groundspeed.tools.timing.timing_worker import TimingWorker

SHARE = 0.15  # of the time between two marks that may pass outside the timed blocks
ALONE_SHARE = 0.25  # of an audit, which is short
LATENCY_S = 3e-3  # of a mark on its way here
LOOKS = 1 / 8  # of the rounds within a pass, after which states are read
SEED_BITS = 31
DRAW = random.SystemRandom()


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


@dataclass
class Heard:
    """What is told of a case while it runs, seconds as they are taken, and what is drawn for it."""

    isolated: IsolatedBaseline | None = None
    audited: bool = True  # whether contenders are timed alone, after the rounds
    steps: int = 0  # a block
    times: dict[str, Times] = field(default_factory=dict)
    rounds: list[dict[str, list[float]]] = field(default_factory=list)
    adopted: list[dict] = field(default_factory=list)
    reads: list[dict] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)  # of the passes
    looked: list[list[int]] = field(default_factory=list)  # of each, steps made when it is read
    made: int = 0  # steps of the pass that is under way
    mark: tuple[str, float] = "", 0.0  # what began, and when

    def hear(self, now: float, message: dict) -> object:
        """One message; its answer, where the worker waits for one."""
        if "begin" in message:
            self.mark = message["begin"], now
        elif "child" in message:
            if self.isolated:
                self.isolated.follow(message["child"])
        elif "adopted" in message:
            self.adopted.append(message)
        elif "read" in message:
            self.reads.append(message)
        elif "frozen" in message:
            self.__init__(self.isolated, self.audited, message["steps"])
            if self.isolated:
                self.isolated.begin(message)
        elif "audit" in message:
            return self.audited
        elif "fresh" in message:
            return self.seed(message["fresh"])
        elif "end" in message:
            return self.end(now, message)
        return None

    def seed(self, what: str) -> int:
        """Of a fresh start, of a pass or another one."""
        seed = DRAW.getrandbits(SEED_BITS)
        if what == "pass":
            self.pass_over()
            self.seeds.append(seed)
            self.looked.append([])
            if self.isolated:
                self.isolated.restart(seed)
        return seed

    def pass_over(self) -> None:
        """Whatever was drawn, its last block is looked at."""
        if self.made and self.made not in self.looked[-1]:
            self.looked[-1].append(self.made)
        self.made = 0

    def end(self, now: float, message: dict) -> bool:
        """What the worker's timer says of the blocks since a mark, and what passed here; after an
        audit, whether both agree, and after a round, whether states are looked at."""
        (who, began), took = self.mark, message["end"]
        expected = message.get("expected", 0.0)
        held = "control" if "injected" in took else ""  # the injected block holds it
        told = sum(wall for name, (wall, _) in took.items() if name != held)
        found = Times(told, now - began, 1, expected)
        if who not in self.times or (expected and found.agree):
            self.times[who] = found
        elif not expected:
            self.times[who] = Times(*map(add, self.times[who], found))
        return found.agree if expected else self.round_over(took)

    def round_over(self, took: dict[str, list[float]]) -> bool:
        """Whether states are looked at after it."""
        if self.isolated:
            self.isolated.round_over()
        self.rounds.append(took)
        self.made += self.steps
        look = DRAW.random() < LOOKS
        if look:
            self.looked[-1].append(self.made)
        return look

    def case(self, told: dict) -> TimedCase:
        """The case when it is complete: rounds in seconds a step, everything charged."""
        self.pass_over()
        steps, extra = told["steps"], told["extra"]
        made = len(self.rounds) * steps
        shares = charges.of_case(told["length"], self.adopted, self.reads, made)
        found = [charges.with_shares(took, shares, steps, extra) for took in self.rounds]
        drawn = {"seeds": self.seeds, "looked": self.looked, "audited": self.audited}
        pairs = self.isolated.end(self.rounds) if self.isolated else []
        return TimedCase(told | drawn | {"rounds": found, "charged": shares}, self.times, pairs)


def timed_cases_of(
    worker: TimingWorker,
    asked: dict,
    isolated: IsolatedBaseline | None = None,
    audited: bool = True,
) -> Iterator[TimedCase]:
    """The cases that are asked for, one by one. While one is looked at the worker prepares the next
    one, and no more; it waits while the isolated baseline, if there is one, makes the steps of a
    round.

    Raises:
        Died: a timing process ended or fell silent before it was through.
    """
    shared = {key: value for key, value in asked.items() if key != "cases"}
    made: list[TimedCase] = []
    for case, names in asked["cases"].items():
        worker.tell({"alone": False} | shared | {"case": case, "names": names})
        yield from made
        made = [*follow(worker.messages(), worker.tell, isolated, audited)]
    yield from made


def follow(
    messages: Iterator[tuple[float, dict]],
    tell: Callable[[object], None] = lambda answer: None,
    isolated: IsolatedBaseline | None = None,
    audited: bool = True,
) -> Iterator[TimedCase]:
    """Each case where it is complete, and answers meanwhile."""
    heard = Heard(isolated, audited)
    for now, message in messages:
        answer = heard.hear(now, message)
        if waits(message):
            tell(answer)
        if "case" in message:
            yield heard.case(message)


def waits(message: dict) -> bool:
    """Whether the worker waits for an answer; there is none to marks and to what it only tells."""
    return not {"begin", "adopted", "read", "child", "ended", "case"} & set(message)
