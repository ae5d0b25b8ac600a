"""Mutation score: does this claim, on these cases, notice when the answer is wrong?

Built-in saboteurs are wrapped round the candidate's own step, in the candidate's process, and
judged by the very checks that judged the candidate, cheapest case first. One that leaves every
bit of every answer as it was is no mutant there and is tried on the next case; so is one that
survives. What survives all of them is a hole in the claim.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch

import baselines
from baselines.engine import Case, Engine, State, Step, clone, fields, same

from . import digests
from . import sabotage as do
from .claims import Agreement
from .errors import distance, size
from .findings import compare, same_bits
from .hearing import hold_to_laws
from .isolation import Failed
from .remembered import Remembered
from .sabotage import Call
from .threads import workers
from .verdicts import CaseResult, Mutation

SMALL = 1 << 16  # elements; on larger cases only what has survived a smaller one is tried
SPARE = 3  # one saboteur in so many is tried every day where all states are large
CALLS = 5  # of a trajectory, where its states are large
DROPPED = "without the stage "
NONE = "none"  # of the stages: the frozen engine as it is
OVERLAP = 2  # are tried at a time: one answer is compared while the candidate gives the next
KNOWN = 32  # right answers to small states that are kept, for all saboteurs of a case
IDLE = 3  # cases on which a saboteur may change nothing before it is given up; stages are not


@dataclass(frozen=True)
class Saboteur:
    """A way to be wrong.

    Attributes:
        spoil: the wrong answer of one call.
        applies: to which claims.
        shows: whether it is in the values that come back; what is not, counts as a mutant
            though every bit is right.
    """

    spoil: Callable[[Call], State]
    applies: Callable[[Agreement], bool] = lambda claim: True
    shows: bool = True


def everywhere(act) -> Saboteur:
    return Saboteur(lambda call: call.changed(act))


def one_field(act, **others) -> Saboteur:
    return Saboteur(lambda call: call.spoil_one(act), **others)


def when(condition: Callable[[Call], bool], act) -> Saboteur:
    """Wrong on some calls only."""
    return Saboteur(lambda call: act(call) if condition(call) else call.after)


def exact(claim: Agreement) -> bool:
    return claim.level == "exact"


def gives_new_memory(claim: Agreement) -> bool:
    return not claim.engine.in_place


def wrong_constant(call: Call) -> State:
    return call.changed(do.increment(lambda step: step * (1 + do.WRONG_CONSTANT)))


SABOTEURS = {
    "zeros": everywhere(lambda before, after: torch.zeros_like(after)),
    "constant": everywhere(lambda before, after: torch.full_like(after, after.mean().item())),
    "nothing done": Saboteur(lambda call: call.before),
    "stale buffer": Saboteur(do.lagging),
    "not a number": one_field(lambda _, after: do.one_cell(after, lambda x: x * float("nan"))),
    "one wrong cell": one_field(do.wrong_cell),
    "one unit in the last place": one_field(do.next_number, applies=exact),
    "edge not advanced": one_field(do.with_edge(lambda before, after: before[0])),
    "edge off by one": one_field(do.with_edge(lambda before, after: after[1])),
    "half not advanced": one_field(do.half_done),
    "axes transposed": one_field(do.turned),
    "axis flipped": one_field(do.flipped),
    "shifted by one cell": one_field(do.shifted),
    "cells shuffled": one_field(do.shuffled),
    "constant wrong by 1e-5": Saboteur(wrong_constant),
    "sign of the increment": one_field(do.increment(torch.neg)),
    "increment lost": one_field(lambda before, after: before),
    "float16 inside": everywhere(do.increment(do.through(torch.float16))),
    "bfloat16 inside": everywhere(do.increment(do.through(torch.bfloat16))),
    "float16 result": everywhere(lambda _, after: do.through(torch.float16)(after)),
    "another type": one_field(do.other_type),
    "another shape": one_field(lambda _, after: after.reshape(*after.shape, 1)),
    "decision off by one": Saboteur(do.decision),
    "two fields swapped": Saboteur(do.swapped),
    "input changed": Saboteur(do.spoiled_input, gives_new_memory, shows=False),
    "remembered by shape": Saboteur(do.remembered(lambda s: str([t.shape for t in s]))),
    "remembered by identity": Saboteur(do.remembered(id)),
    "remembered by address": Saboteur(do.remembered(do.address)),
    "last step skipped": when(lambda call: call.last, lambda call: call.before),
    "third call skipped": when(lambda call: call.number == 3, lambda call: call.before),
    "third call wrong": when(
        lambda call: call.number == 3, lambda call: call.spoil_one(do.wrong_cell)
    ),
    "drifts after a while": Saboteur(do.drifting),
}


def names(claim: Agreement) -> list[str]:
    """The saboteurs of a claim: those above, and each stage of the frozen engine left out."""
    stages = [DROPPED + stage.name for stage in claim.baseline.stages]
    return [name for name, who in SABOTEURS.items() if who.applies(claim)] + stages


def sabotaged(
    name: str,
    engine: Engine,
    case: Case,
    step: Step,
    calls: int,
    memory: dict,
    unspoiled: dict[str, State],
) -> tuple[Engine, Step]:
    """The engine over canonical states, and its step, under that saboteur.

    ``calls`` is how many are going to be made; ``memory`` outlasts them, and is the saboteur's
    own. ``unspoiled`` is every saboteur's: right answers on this case by the state they are from.
    """
    if name.startswith(DROPPED):
        frozen = baselines.load(engine.name)
        rest = tuple(s for s in frozen.stages if s.name != name.removeprefix(DROPPED))
        less = replace(frozen, stages=rest, stepper=None)
        if "step" not in memory:
            memory["step"] = less.prepare(case)
        return less, memory["step"]
    spoil, made = SABOTEURS[name].spoil, 0

    def right(state: State) -> State:
        key = digests.of_state(state) if sum(t.numel() for t in state) <= SMALL else ""
        if key in unspoiled:
            return unspoiled[key]
        after = engine.observe(case, step(engine.adopt(case, clone(state))))
        if key and len(unspoiled) < KNOWN:
            unspoiled[key] = clone(after)
        return after

    def spoiled(state: State) -> State:
        nonlocal made
        made += 1
        before = clone(state)
        after = clone(right(state))
        return spoil(Call(state, before, after, made, made == calls, memory))

    return replace(engine, adopt=same, observe=same), spoiled


@dataclass
class Score:
    """What became of the saboteurs of one claim so far."""

    claim: Agreement
    killed: dict[str, str] = field(default_factory=dict)
    mutants: set[str] = field(default_factory=set)
    excess: set[str] = field(default_factory=set)  # further from the candidate than is declared
    idle: Counter[str] = field(default_factory=Counter)  # cases on which it changed nothing
    names: list[str] = field(default_factory=list)
    heard: int = 0  # cases

    def __post_init__(self):
        self.names = names(self.claim)

    def hear(self, bench, room) -> None:
        """Try those still alive on this case; the candidate itself has passed it.

        All of them on the first, whatever its size: it is the smallest that there is.
        """
        large = self.heard > 0 and sum(t.numel() for t in bench.reference.start) > SMALL
        self.heard += 1
        alive = [n for n in self.names if n not in self.killed]
        alive = [n for n in alive if n in self.mutants or not large and self.may_yet(n)]
        if bench.brief and self.heard == 1:
            alive = alive[::SPARE]
        if not alive:
            return
        room = Remembered(room)  # which hears one at a time
        plain = Recorded(room)
        for _ in bench.comparisons(self.claim, plain, CALLS):
            pass
        frozen = plain
        if self.claim.level != "exact" and any(name.startswith(DROPPED) for name in alive):
            frozen = Recorded(room, DROPPED + NONE)  # what less of it is held against
            for _ in bench.comparisons(self.claim, frozen, CALLS):
                pass

        def attempt(name: str) -> None:
            held_to = frozen if name.startswith(DROPPED) else plain
            self.attempt(name, bench, Recorded(room, name, held_to.answers))

        with workers(OVERLAP) as pool:
            for _ in pool.map(attempt, alive):
                pass

    def may_yet(self, name: str) -> bool:
        return name.startswith(DROPPED) or self.idle[name] < IDLE

    def attempt(self, name: str, bench, room: Recorded) -> None:
        reason = refusal(self.claim, bench, room)
        if reason:
            self.killed[name] = f"{bench.name}: {reason}"
        elif room.differs or not shows(name):
            self.mutants.add(name)
            if room.beyond(self.claim.budget):
                self.excess.add(name)
        else:
            self.idle[name] += 1

    def result(self) -> Mutation:
        alive = [n for n in self.names if n in self.mutants and n not in self.killed]
        tolerated = self.claim.level == "approximate"
        return Mutation(
            killed={n: self.killed[n] for n in self.names if n in self.killed},
            survived=[n for n in alive if not tolerated or n in self.excess],
            within_budget=[n for n in alive if tolerated and n not in self.excess],
            no_mutant=[n for n in self.names if n not in self.killed and n not in self.mutants],
        )


def shows(name: str) -> bool:
    return name.startswith(DROPPED) or SABOTEURS[name].shows


def refusal(claim: Agreement, bench, room: Recorded) -> str:
    """The first check that fails, or nothing: the judge's comparisons, then its laws."""
    result = CaseResult()
    try:
        for check in bench.comparisons(claim, room, CALLS):
            compare(claim, result, check)
            if result.broken:
                return result.broken[0]
        if room.differs:
            hold_to_laws(bench, claim, room, result)
    except Failed as failure:
        return str(failure)
    return result.broken[0] if result.broken else ""


class Recorded:
    """A candidate whose answers are kept, or held against those kept of the unspoiled one."""

    def __init__(self, room, sabotage: str = "", plain: list | None = None):
        self.room, self.sabotage, self.plain = room, sabotage, plain
        self.answers: list[dict[int, State]] = []

    def __getattr__(self, name: str):
        return getattr(self.room, name)

    def after(self, *words, guard: bool = False, **others) -> dict[int, State]:
        hidden = guard and bool(self.sabotage) and not shows(self.sabotage)
        found = self.room.after(*words, sabotage=self.sabotage, guard=hidden, **others)
        self.answers.append(found)
        return found

    def pairs(self):
        """(spoiled, unspoiled) states of every answer that both gave."""
        for ours, theirs in zip(self.answers, self.plain, strict=False):
            yield from ((ours[n], theirs[n]) for n in ours if n in theirs)

    @property
    def differs(self) -> bool:
        return any(not same_bits(a, b) for a, b in self.pairs())

    def beyond(self, budget) -> bool:
        """Whether any field is further from the unspoiled answer than the claim declares."""
        return any(
            relative(getattr(a, name), theirs) > budget.get(name, 0.0)
            for a, b in self.pairs()
            for name, theirs in fields(b).items()
        )


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """RMS of the difference over the RMS of the unspoiled field; infinite for whole numbers."""
    if torch.equal(ours, theirs):
        return 0.0
    if not do.floating(theirs) or ours.shape != theirs.shape:
        return float("inf")
    norm = size(theirs)
    return distance(ours, theirs).rms / norm if norm else float("inf")
