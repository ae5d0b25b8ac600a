"""Timed calls are verified too: their outputs are compared with the baseline.

The timing process notes a fingerprint after every block of timed calls, outside the timed
window, and keeps whole the state after a block drawn at random and after the last. The parent
runs the frozen engine over the same passes and compares: the candidate's process holds no
answer, and says nothing about its own that is not held against one.

Every pass starts from fresh values at fresh addresses, so that nothing remembered serves.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import torch

import baselines
from baselines.engine import Case, Engine, State, clone, fields
from tools.timing.fingerprints import (
    Fingerprint,
    WrongAnswer,
    compare_fingerprints,
    fingerprint,
    floored,
    moved,
    pieces,
    refuse_beyond,
)
from tools.timing.runners import Block, start_of_pass
from validation.golden.manifest import manifest
from validation.judge.compare import exact_distance, misfit
from validation.judge.verdicts import Conclusion
from validation.parallel.threads import workers
from validation.records import tensor_files
from validation.reference.distance import ZERO, Distance, distance, least, widest
from validation.reference.trajectory import SLACK, checkpoints

KEPT_BYTES = 1 << 30  # of the frozen engine's states on a case, for the next timing process

Measure = Callable[[torch.Tensor, torch.Tensor], Distance]


@dataclass
class Answers:
    """What the frozen engine makes of the passes of one case of one process."""

    fingerprints: dict[Block, Fingerprint] = field(default_factory=dict)
    floors: dict[Block, dict[str, Distance]] = field(default_factory=dict)  # where bits may differ
    whole: dict[Block, State] = field(default_factory=dict)
    moved: float = 1.0  # the least share of cells that a block changes


@dataclass
class Replays:
    """The frozen engine over the passes of a case, remembered as far as there is room: every
    timing process asks for the same ones where steps are slow."""

    engine: Engine
    name: str
    level: str

    def __post_init__(self):
        self.known: dict[tuple[int, ...], list[State]] = {}
        self.room = KEPT_BYTES
        self.case = self.engine.cases[self.name]
        self.start, self.step = self.engine.initial(self.case), self.engine.prepare(self.case)

    def states(self, number: int, made: list[int]) -> Iterator[State]:
        """The start of that pass, and the states after each of those numbers of steps."""
        key = (number, *made)
        if key not in self.known:
            first = start_of_pass(self.engine, self.start, self.level, number)
            run = self.along(first, made)
            needed = (1 + len(made)) * sum(f.numel() * f.element_size() for f in first)
            if needed > self.room:
                return run
            self.room -= needed
            self.known[key] = list(run)
        return iter(self.known[key])

    def along(self, start: State, at: list[int]) -> Iterator[State]:
        """The start, and the canonical states after each of those numbers of steps."""
        yield start
        working = self.engine.adopt(self.case, clone(start))
        for here, target in pairwise([0, *at]):
            for _ in range(target - here):
                working = self.step(working)
            yield clone(self.engine.observe(self.case, working))


def answers(run: Replays, trails: list[dict]) -> Answers:
    """What the frozen engine makes of the passes that all these trails share."""
    kept = {(number, made) for trail in trails for number, made, _ in trail["whole"]}
    found = Answers()

    def note(block: Block, before: State, want: State) -> None:
        found.fingerprints[block] = fingerprint(want)
        if run.level != "exact":
            found.floors[block] = {n: least(f) for n, f in fields(want).items()}
        found.moved = min(found.moved, moved(before, want))

    with workers(1) as beside:  # while the frozen engine makes the next
        for number, blocks in enumerate(max((t["passes"] for t in trails), key=len)):
            made = [n for n, _ in blocks]
            states = run.states(number, made)
            before, noted = next(states), beside.submit(int)
            for at, want in zip(made, states, strict=True):
                noted.result()  # no more than two states wait
                noted = beside.submit(note, (number, at), before, want)
                if (number, at) in kept:
                    found.whole[number, at] = want
                before = want
            noted.result()
    return found


def check(verdict: Conclusion, name: str, trail: dict, count: int, right: Answers) -> None:
    """Hold the trail of a candidate on one case to the frozen engine.

    Raises:
        WrongAnswer: naming the field, the block and how far off it was.
    """
    case = baselines.load(verdict.engine).cases[name]
    if sum(map(len, trail["passes"])) != count or not trail["whole"]:
        raise WrongAnswer("not every timed block left a fingerprint")
    for number, blocks in enumerate(trail["passes"]):
        for made, found in blocks:
            block, allowed = (number, made), allowances(verdict, name, case, made)
            want, floor = right.fingerprints[block], right.floors.get(block, {})
            compare_fingerprints(found, want, allowed, floor, made)
    for number, made, file in trail["whole"]:
        block, allowed = (number, made), allowances(verdict, name, case, made)
        ours, floor = tensor_files.load(Path(file)), right.floors.get(block, {})
        compare_states(ours, right.whole[block], allowed, floor, made)


def allowances(verdict: Conclusion, name: str, case: Case, made: int) -> dict[str, Distance]:
    """How far apart candidate and frozen engine may be then; nothing said means equal bits."""
    if verdict.level == "exact":
        return {}
    if verdict.level == "approximate":
        allowed = verdict.cases[name].budget.items()
        return {f: Distance(SLACK * rms, float("inf"), float("inf")) for f, rms in allowed}
    mark = next(n for n in checkpoints(case) if n >= made)
    table = manifest(verdict.engine).answers[name].own_error[f"step {mark}"]
    # both sides may lie on either side of the truth
    return {field: Distance(*own).scaled(2 * SLACK) for field, own in table.items()}


def compare_states(
    found: dict[str, torch.Tensor],
    want: State,
    allowed: dict[str, Distance],
    floor: dict[str, Distance],
    made: int,
) -> None:
    """Every cell of a state that was kept whole.

    Raises:
        WrongAnswer: naming the field and how far off it was.
    """
    for name, theirs in fields(want).items():
        ours = found[name]
        if wrong := misfit(ours, theirs):
            raise WrongAnswer(f"{name} after {made} timed steps: {wrong}")
        limit = floored(name, allowed, floor)
        off = apart(ours, theirs, exact_distance if limit == ZERO else distance)
        for got, most in zip(off, limit, strict=True):
            refuse_beyond(name, made, got, most)


def apart(one: torch.Tensor, other: torch.Tensor, measure: Measure) -> Distance:
    """The distance of two fields of one shape, gathered from that of their pieces."""
    pairs = zip(pieces(one), pieces(other), strict=True)
    found = [(measure(*pair), pair[0].numel()) for pair in pairs]
    rms = sum(count * part.rms**2 for part, count in found) / max(1, one.numel())
    worst = widest(*(part for part, _ in found))
    return worst._replace(rms=rms**0.5)
