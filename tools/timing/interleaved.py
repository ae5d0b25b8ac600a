"""Interleaved rounds of one case: every runner makes as many steps, in random order.

What the timed calls of a candidate left behind is read outside the timed windows, at the end of
each pass and after blocks that the parent draws; seconds are told to the parent as they are taken.
Global state that a candidate changed is noted after each block.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

from groundspeed.baselines.engine import State, clone, fields
from groundspeed.tools.timing.fingerprints import Fingerprint, fingerprint
from groundspeed.tools.timing.runners import Block, Runner, Seconds, Starts, Stream
from groundspeed.validation import discovery
from groundspeed.validation.records import tensor_files
from groundspeed.validation.worker.global_state import settings

BLOCK_S = 2e-3  # a block is as long, where the trajectory has the steps for it
MOST = 100  # rounds of a case
SLOW_BLOCK_S = 0.25  # above it few rounds, and no slowdown is injected
FEWEST = {SLOW_BLOCK_S: 3, math.inf: 2}  # rounds, where a block takes up to so many seconds
ALONE = 5  # rounds at least, where one process has to make an interval
AUDIT_S = 0.02  # of blocks of one contender alone, under the parent's clock
AUDIT_BLOCKS = 100
AUDITS = 3  # of a contender at most

Tell = Callable[[dict], object]  # gives what the parent answers
Runners = dict[str, Runner | Stream]
Limits = tuple[int, int]  # fewest and most rounds


def in_random_order(blocks: dict[str, Callable], rng: random.Random) -> dict:
    """What each call gives."""
    order = list(blocks)
    rng.shuffle(order)
    return {name: blocks[name]() for name in order}


class BalancedOrder:
    """Rounds in an order that is drawn at random, and in every second one in the last one's
    reversed: of any two contenders each comes first as often as the other."""

    def __init__(self, rng: random.Random):
        self.rng, self.last = rng, []

    def make(self, blocks: dict[str, Callable]) -> dict:
        """What each call gives, in the order in which they were made."""
        order, self.last = [name for name in reversed(self.last) if name in blocks], []
        if len(order) != len(blocks):
            order = self.last = list(blocks)
            self.rng.shuffle(order)
        return {name: blocks[name]() for name in order}


def restart(runners: Runners, start: State | None = None) -> None:
    """All to that start, or to their own."""
    for runner in runners.values():
        runner.restart(start)


def positions(
    length: int, steps: int, begin: Callable[[], None], limits: Limits, budget_s: float
) -> Iterator[int]:
    """Steps made of a trajectory after each round, until the budget is spent; it restarts where
    the next round would not fit."""
    begin()
    made, began = 0, perf_counter()
    for count in range(limits[1]):
        if count >= limits[0] and perf_counter() - began >= budget_s:
            return
        if made + steps > length:
            begin()
            made = 0
        made += steps
        yield made


def rounds(
    runners: Runners, steps: int, rng: random.Random, limits: Limits, budget_s: float
) -> list[dict[str, list[float]]]:
    """Rounds of runners that nobody watches, on one case and from one start: seconds a step."""
    (length,) = {runner.case.steps for runner in runners.values()}
    blocks = {name: partial(runner.make, steps) for name, runner in runners.items()}
    made = positions(length, steps, partial(restart, runners), limits, budget_s)
    return [per_step(in_random_order(blocks, rng), steps) for _ in made]


def per_step(found: dict[str, Seconds], steps: int) -> dict[str, list[float]]:
    """Seconds a step of the baseline: [wall, processor]."""
    return {name: [float(f"{t / steps:.5g}") for t in times] for name, times in found.items()}


def block_length(baseline: Runner, stride: int) -> int:
    """Steps a block: enough for the clock, and no more than the trajectory has."""
    wanted = max(1, round(BLOCK_S / max(baseline.once_s, 1e-7)))
    return max(1, min(wanted, baseline.case.steps) // stride) * stride


@dataclass
class Rounds:
    """The contenders of one case, and what was timed of them."""

    runners_by_name: Runners  # the baseline among them
    candidates: list[str]
    steps: int
    seed: int
    tell: Tell
    starts: Starts
    before: dict[str, object]  # settings before any candidate was called

    def __post_init__(self):
        self.baseline = self.runners_by_name["baseline"]
        self.order, self.since = BalancedOrder(random.Random(self.seed)), 0
        self.fastest: dict[str, float] = {}  # wall seconds of a block
        self.lost: dict[str, str] = {}
        self.watched = {
            name: Watched(
                name, self.runners_by_name[name], random.Random(f"block of {name} {self.seed}")
            )
            for name in self.candidates
        }

    def run(self, least: int, budget_s: float, warm: bool) -> None:
        """Rounds until the budget is spent; the trajectory restarts where it ends.

        A round before the first is the warm-up; of slow steps the first call was that.
        """
        if warm:
            restart(self.runners_by_name)
        self.warm_up = self.one_round() if warm else {}
        length, limits = self.baseline.case.steps, (least, MOST)
        for made in positions(length, self.steps, self.begin, limits, budget_s):
            self.tell({"begin": "rounds"})
            found = self.one_round()
            for name, (wall, _) in found.items():
                self.fastest[name] = min(wall, self.fastest.get(name, wall))
            asked = self.tell({"end": found})
            self.since += self.steps
            if asked or made + self.steps > length:
                self.look(made)
        if self.since:
            self.look(made)

    def fresh(self, what: str) -> State:
        """A start of which nobody here has heard before: the parent draws its seed now."""
        return self.starts.fresh(self.tell({"fresh": what}))

    def begin(self) -> None:
        """All to the start of the next pass; what taking it over costs is told."""
        start, took = self.fresh("pass"), {}
        for name, runner in list(self.runners_by_name.items()):
            took[name] = self.at_own_risk(name, partial(runner.restart, start))
        self.each(Watched.begin)
        counted = {name: took[name] for name in ("baseline", *self.watched)}
        self.tell({"adopted": counted, "copy": self.baseline.copy_s})

    def look(self, made: int) -> None:
        """Each candidate's state is read, and its seconds are told beside those of the baseline."""
        took = {"baseline": self.baseline.read()[1]}
        self.each(lambda watched: took.update({watched.name: watched.note(made)}))
        self.tell({"read": took, "steps": self.since})
        self.since = 0

    def each(self, act: Callable[[Watched], None]) -> None:
        """Something that asks each candidate for its state, at its own risk."""
        for name, watched in list(self.watched.items()):
            self.at_own_risk(name, partial(act, watched))

    def at_own_risk(self, name: str, act: Callable):
        """What a call gives; what a candidate raises is its own loss, not that of the others."""
        try:
            return act()
        except Exception as error:
            if name not in self.watched:
                raise
            self.lost[name] = discovery.raised(error, discovery.folder(name))
            del self.runners_by_name[name], self.watched[name]

    def one_round(self) -> dict[str, Seconds]:
        """The block of each contender that is not lost."""
        blocks = {name: partial(self.block, name) for name in self.runners_by_name}
        found = {name: took for name, took in self.order.make(blocks).items() if took}
        if "control" in found and self.runners_by_name["control"].extra:
            found["injected"] = self.runners_by_name["control"].with_extra
        return found

    def block(self, name: str) -> Seconds | None:
        """The block of one contender, unless it is lost by that."""
        took = self.at_own_risk(name, partial(self.runners_by_name[name].make, self.steps))
        if name in self.watched:
            changed = [key for key, value in settings().items() if value != self.before[key]]
            self.watched[name].changed |= dict.fromkeys(changed)
        return took

    def audits(self) -> None:
        """Of every contender, if the parent wants them in this process: it says so only now."""
        self.audited = self.tell({"audit": True})
        if self.audited:
            for name in ("baseline", *self.watched):
                self.audit(name)

    def audit(self, name: str) -> None:
        """Blocks of one contender alone, between marks at which the parent reads its clock.

        A start is new memory, which the first block after it pays for: where passes have more
        than one, it is made before the mark. One audit that agrees is enough, as the parent
        answers, so a moment in which the processor was taken away accuses nobody. Blocks that are
        long show in the marks around the rounds.
        """
        runner = self.runners_by_name[name]
        expected = max(1e-6, self.fastest[name])
        if expected > SLOW_BLOCK_S:
            return
        passes = self.baseline.case.steps // self.steps
        first = min(1, passes - 1)
        fits = max(1, passes - first)
        blocks = min(fits, AUDIT_BLOCKS, math.ceil(AUDIT_S / expected))
        for _ in range(AUDITS):
            runner.restart(self.fresh("audit"))
            for _ in range(first):
                runner.make(self.steps)
            self.tell({"begin": name})
            spent = sum(runner.make(self.steps)[0] for _ in range(blocks))
            if self.tell({"end": {name: (spent, 0.0)}, "expected": expected * blocks}):
                return


@dataclass
class Watched:
    """What the timed calls of a candidate left behind on one case, noted outside their windows."""

    name: str
    runner: Runner
    draw: random.Random

    def __post_init__(self):
        self.passes: list[list[tuple[int, Fingerprint]]] = []
        self.kept: dict[Block, State] = {}  # whole: one drawn at random
        self.changed: dict[str, None] = {}  # global state, as it was found after its blocks

    def begin(self) -> None:
        """Another pass."""
        self.passes.append([])

    def note(self, made: int) -> dict[str, Seconds]:
        """The fingerprint of its state, and what reading it took; each block that is looked at
        is the one kept with equal chances."""
        state, took = self.runner.read()
        self.passes[-1].append((made, fingerprint(state)))
        block = len(self.passes) - 1, made
        if self.draw.random() * sum(map(len, self.passes)) < 1:
            self.kept = {block: clone(state)}
        return took

    def save(self, place: Path, whole_too: bool) -> dict:
        """What is left for the parent to read; the state that was kept whole in a file, if wanted.
        It is in memory no more."""
        whole = []
        if not whole_too:
            self.kept.clear()
        while self.kept:
            block, state = self.kept.popitem()
            whole.append((*block, f"{place}.{len(whole)}"))
            tensor_files.save(Path(whole[-1][-1]), fields(state))
        return {
            "passes": self.passes,
            "whole": whole,
            "stride": self.runner.engine.stride,
            "changed": list(self.changed),
        }


def fewest(block_s: float) -> int:
    """Rounds at least: of long blocks few, since processes differ more than their rounds do."""
    return next(count for longest, count in FEWEST.items() if block_s <= longest)
