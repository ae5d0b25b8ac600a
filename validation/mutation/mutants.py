"""Mutants: a built-in error wrapped around a candidate's own step."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from groundspeed import baselines
from groundspeed.baselines.engine import Case, Engine, State, Step, clone, same
from groundspeed.validation.claims import Agreement
from groundspeed.validation.mutation import operators as do
from groundspeed.validation.mutation.operators import Call
from groundspeed.validation.records import digests

SMALL = 1 << 16  # elements; on larger cases only what has survived a smaller one is tried
DROPPED = "without the stage "
NONE = "none"  # of the stages: the frozen engine as it is
KNOWN = 32  # right answers that are kept, for all mutants of a case


@dataclass(frozen=True)
class Mutant:
    """A built-in error.

    Attributes:
        spoil: the wrong answer of one call.
        applies: the claims that it applies to.
        shows: whether the returned values show it; if not, it counts as a mutant though every bit
            is right.
    """

    spoil: Callable[[Call], State]
    applies: Callable[[Agreement], bool] = lambda claim: True
    shows: bool = True


def everywhere(act) -> Mutant:
    return Mutant(lambda call: call.changed(act))


def one_field(act, **others) -> Mutant:
    return Mutant(lambda call: call.spoil_one(act), **others)


def when(condition: Callable[[Call], bool], act) -> Mutant:
    """A mutant that is wrong on some calls only."""
    return Mutant(lambda call: act(call) if condition(call) else call.after)


def exact(claim: Agreement) -> bool:
    return claim.level == "exact"


def gives_new_memory(claim: Agreement) -> bool:
    return not claim.engine.in_place


def wrong_constant(call: Call) -> State:
    return call.changed(do.increment(lambda step: step * (1 + do.WRONG_CONSTANT)))


MUTANTS = {
    "zeros": everywhere(lambda before, after: torch.zeros_like(after)),
    "constant": everywhere(lambda before, after: torch.full_like(after, after.mean().item())),
    "nothing done": Mutant(lambda call: call.before),
    "stale buffer": Mutant(do.previous_answer),
    "not a number": one_field(lambda _, after: do.one_cell(after, lambda x: x * float("nan"))),
    "one wrong cell": one_field(do.wrong_cell),
    "one unit in the last place": one_field(do.next_number, applies=exact),
    "edge not advanced": one_field(do.with_edge(lambda before, after: before[0])),
    "edge off by one": one_field(do.with_edge(lambda before, after: after[1])),
    "half not advanced": one_field(do.half_step),
    "axes transposed": one_field(do.transpose_axes),
    "axis flipped": one_field(do.flip_axis),
    "shifted by one cell": one_field(do.shift_cells),
    "cells shuffled": one_field(do.shuffle_cells),
    "constant wrong by 1e-5": Mutant(wrong_constant),
    "sign of the increment": one_field(do.increment(torch.neg)),
    "increment lost": one_field(lambda before, after: before),
    "float16 inside": everywhere(do.increment(do.round_through(torch.float16))),
    "bfloat16 inside": everywhere(do.increment(do.round_through(torch.bfloat16))),
    "float16 result": everywhere(lambda _, after: do.round_through(torch.float16)(after)),
    "another type": one_field(do.other_type),
    "another shape": one_field(lambda _, after: after.reshape(*after.shape, 1)),
    "decision off by one": Mutant(do.flip_decision),
    "two fields swapped": Mutant(do.swap_fields),
    "input changed": Mutant(do.spoil_input, gives_new_memory, shows=False),
    "remembered by shape": Mutant(do.first_answer(lambda s: str([t.shape for t in s]))),
    "remembered by identity": Mutant(do.first_answer(id)),
    "remembered by address": Mutant(do.first_answer(do.address)),
    "last step skipped": when(lambda call: call.last, lambda call: call.before),
    "third call skipped": when(lambda call: call.number == 3, lambda call: call.before),
    "third call wrong": when(
        lambda call: call.number == 3, lambda call: call.spoil_one(do.wrong_cell)
    ),
    "drifts after a while": Mutant(do.drift),
}


class Unspoiled:
    """Right answers on one case by input state, shared by all mutants.

    Args:
        whole: whether one call is the whole case, as a whole run of a program is. Such answers are
            kept however large they are: to know a state again is cheaper than any program.
    """

    def __init__(self, whole: bool):
        self.whole = whole
        self.answers: dict[str, State] = {}

    def answer(self, state: State, step: Step) -> State:
        small = sum(t.numel() for t in state) <= SMALL
        key = digests.of_state(state) if small or self.whole else ""
        if key in self.answers:
            return self.answers[key]
        after = step(clone(state))
        if key and len(self.answers) < KNOWN:
            self.answers[key] = clone(after)
        return after


def names(claim: Agreement) -> list[str]:
    """Names of the mutants of a claim: those above, and each stage of the baseline left out."""
    stages = [DROPPED + stage.name for stage in claim.baseline.stages]
    return [name for name, who in MUTANTS.items() if who.applies(claim)] + stages


def mutated(
    name: str,
    engine: Engine,
    case: Case,
    step: Step,
    calls: int,
    memory: dict,
    unspoiled: Unspoiled,
) -> tuple[Engine, Step]:
    """The engine over canonical states, and its step, under that mutant.

    Args:
        calls: how many calls will be made.
        memory: the mutant's own, kept between runs.
        unspoiled: what the candidate itself answers on this case.
    """
    if name.startswith(DROPPED):
        frozen = baselines.load(engine.name)
        rest = tuple(s for s in frozen.stages if s.name != name.removeprefix(DROPPED))
        less = replace(frozen, stages=rest, stepper=None)
        if "step" not in memory:
            memory["step"] = less.prepare(case)
        return less, memory["step"]
    spoil, made = MUTANTS[name].spoil, 0

    def right(state: State) -> State:
        return engine.observe(case, step(engine.adopt(case, state)))

    def spoiled(state: State) -> State:
        nonlocal made
        made += 1
        before = clone(state)
        after = clone(unspoiled.answer(state, right))
        return spoil(Call(state, before, after, made, made == calls, memory))

    return replace(engine, adopt=same, observe=same), spoiled


def shows(name: str) -> bool:
    return name.startswith(DROPPED) or MUTANTS[name].shows
