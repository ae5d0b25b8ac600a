"""Timed calls are verified too: their outputs are compared with the baseline.

The timing process notes a fingerprint at the end of each pass and after blocks that the parent
drew, outside the timed window. In processes that the parent draws after the rounds it leaves the
state after one of those blocks whole. The parent runs the frozen engine over the same passes and
compares: the candidate's process holds no answer, and says nothing about its own that is not held
against one.

Every pass starts from values that nobody has seen, so that nothing remembered serves. Where
rounding decides in one of them, the frozen engine's own runs say so, and that pass says nothing.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from threading import Lock

import torch

from groundspeed import baselines
from groundspeed.baselines.engine import Case, Engine, State, clone, fields
from groundspeed.tools.timing.fingerprints import (
    Fingerprint,
    WrongAnswer,
    changed_bytes,
    compare_fingerprints,
    fingerprint,
    floored,
    moved,
    pieces,
    refuse_beyond,
)
from groundspeed.tools.timing.runners import Block, Starts
from groundspeed.validation.golden.manifest import manifest
from groundspeed.validation.judge.compare import exact_distance, misfit
from groundspeed.validation.judge.verdicts import Conclusion
from groundspeed.validation.parallel.threads import workers
from groundspeed.validation.records import tensor_files
from groundspeed.validation.reference.distance import (
    ZERO,
    Distance,
    distance,
    inexact,
    least,
    widest,
)
from groundspeed.validation.reference.random_rounding import RandomRounding
from groundspeed.validation.reference.trajectory import SLACK, checkpoints

MEMBERS = 8  # runs rounded at random, which say where rounding decides

Measure = Callable[[torch.Tensor, torch.Tensor], Distance]
Allow = Callable[[int], dict[str, Distance]]
OwnError = dict[int, dict[str, Distance]]  # by steps made, and field


@dataclass
class Replays:
    """The frozen engine over the passes of a case."""

    engine: Engine
    name: str

    def __post_init__(self):
        self.case = self.engine.cases[self.name]
        self.starts, self.step = Starts(self.engine, self.case), self.engine.prepare(self.case)

    def states(self, start: State, at: list[int]) -> Iterator[State]:
        """The canonical states after each of those numbers of steps."""
        working = self.engine.adopt(self.case, clone(start))
        for here, target in pairwise([0, *at]):
            for _ in range(target - here):
                working = self.step(working)
            yield clone(self.engine.observe(self.case, working))

    def neighbours(self, start: State, at: list[int]) -> Iterator[tuple[int, State]]:
        """What other roundings make of the same pass."""
        for seed in range(MEMBERS):
            with RandomRounding(seed):
                rounded = list(self.states(start, at))
            yield from zip(at, rounded, strict=True)


@dataclass
class Answers:
    """What the frozen engine makes of the passes of one case of one process."""

    run: Replays | None = None
    seeds: list[int] = field(default_factory=list)
    looked: list[list[int]] = field(default_factory=list)  # of each pass: steps after which
    audited: bool = True  # whether a state was to be left whole
    fingerprints: dict[Block, Fingerprint] = field(default_factory=dict)
    floors: dict[Block, dict[str, Distance]] = field(default_factory=dict)  # where bits may differ
    whole: dict[Block, State] = field(default_factory=dict)
    moved: float = 1.0  # the least share of cells that changes between two of them
    written: float = 0.0  # the least bytes a step that does
    known: dict[int, OwnError | None] = field(default_factory=dict)
    asking: Lock = field(default_factory=Lock)

    def own_error(self, number: int) -> OwnError | None:
        """How far rounding alone takes the frozen engine's own run of a pass, by steps and field;
        None where it decides otherwise. Found out once for all candidates."""
        with self.asking:
            if number not in self.known:
                self.known[number] = self.error_of_pass(number)
            return self.known[number]

    def error_of_pass(self, number: int) -> OwnError | None:
        start, at = self.run.starts.fresh(self.seeds[number]), self.looked[number]
        want = dict(zip(at, self.run.states(start, at), strict=True))
        found: OwnError = {made: {} for made in at}
        for made, state in self.run.neighbours(start, at):
            for name, theirs in fields(want[made]).items():
                ours = getattr(state, name)
                if not inexact(theirs) and not torch.equal(ours, theirs):
                    return None
                if inexact(theirs) and (off := distance(ours, theirs)) != ZERO:
                    found[made][name] = widest(found[made].get(name, ZERO), off)
        return found


def answers(run: Replays, row: dict) -> Answers:
    """What the frozen engine makes of the passes of a case, looked at as the candidates were."""
    kept = {(n, made) for trail in row["trails"].values() for n, made, _ in trail["whole"]}
    found, written = Answers(run, row["seeds"], row["looked"], row["audited"]), []

    def note(block: Block, before: State, steps: int, want: State) -> None:
        found.fingerprints[block] = fingerprint(want)
        found.floors[block] = {n: least(f) for n, f in fields(want).items()}
        found.moved = min(found.moved, moved(before, want))
        written.append(changed_bytes(before, want) / steps)

    with workers(1) as beside:  # while the frozen engine makes the next
        for number, made in enumerate(found.looked):
            before, past, noted = run.starts.fresh(found.seeds[number]), 0, beside.submit(int)
            for at, want in zip(made, run.states(before, made), strict=True):
                noted.result()  # no more than two states wait
                noted = beside.submit(note, (number, at), before, at - past, want)
                if (number, at) in kept:
                    found.whole[number, at] = want
                before, past = want, at
            noted.result()
    found.written = min(written, default=0.0)
    return found


def check(verdict: Conclusion, name: str, trail: dict, right: Answers) -> None:
    """Hold the trail of a candidate on one case to the frozen engine.

    Raises:
        WrongAnswer: naming the field, the block and how far off it was.
    """
    case, passes = baselines.load(verdict.engine).cases[name], trail["passes"]
    told = [[made for made, _ in blocks] for blocks in passes]
    if told != right.looked or bool(trail["whole"]) != right.audited:
        raise WrongAnswer("not every block that was asked for left a fingerprint or a state")
    allow = partial(allowances, verdict, name, case)
    whole, wrong = {number for number, _, _ in trail["whole"]}, []
    for number in sorted(range(len(passes)), key=lambda n: n not in whole):
        try:
            check_pass(number, trail, right, allow)
        except WrongAnswer as why:
            own = right.own_error(number) if verdict.level != "exact" else {}
            if own is None:
                wrong.append(why)
            else:
                check_pass(number, trail, right, partial(widened, allow, own))
    if len(wrong) == len(passes):
        raise wrong[0]


def widened(allow: Allow, own: OwnError, made: int) -> dict[str, Distance]:
    """What is allowed from the case's own start, or what that comes to from this one."""
    usual = allow(made)
    here = {name: off.scaled(2 * SLACK) for name, off in own.get(made, {}).items()}
    return usual | {name: widest(off, usual.get(name, ZERO)) for name, off in here.items()}


def check_pass(number: int, trail: dict, right: Answers, allow: Allow) -> None:
    """Whole states first, as those passes that have some: they tell how far off it was.

    Raises:
        WrongAnswer: naming the field, the block and how far off it was.
    """
    for _, made, file in (one for one in trail["whole"] if one[0] == number):
        ours, floor = tensor_files.load(Path(file)), right.floors[number, made]
        compare_states(ours, right.whole[number, made], allow(made), floor, made)
    for made, found in trail["passes"][number]:
        want, floor = right.fingerprints[number, made], right.floors[number, made]
        compare_fingerprints(found, want, allow(made), floor, made)


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
            refuse_beyond(name, made, got, most, partial(over_all, ours, theirs, off))


def over_all(ours: torch.Tensor, theirs: torch.Tensor, off: Distance) -> str:
    """The error over a whole field, in words."""
    other = sum(int((a != b).sum()) for a, b in zip(pieces(ours), pieces(theirs), strict=True))
    return (
        f" (over the whole state {off.largest:.3g} at most and {off.rms:.3g} in RMS, "
        f"{other} of {ours.numel()} cells differ)"
    )


def apart(one: torch.Tensor, other: torch.Tensor, measure: Measure) -> Distance:
    """The distance of two fields of one shape, gathered from that of their pieces."""
    pairs = zip(pieces(one), pieces(other), strict=True)
    found = [(measure(*pair), pair[0].numel()) for pair in pairs]
    rms = sum(count * part.rms**2 for part, count in found) / max(1, one.numel())
    worst = widest(*(part for part, _ in found))
    return worst._replace(rms=rms**0.5)
