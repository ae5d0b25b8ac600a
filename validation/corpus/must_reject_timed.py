"""Candidates that are wrong only while they are timed: the clock must reject each."""

from __future__ import annotations

import inspect
import itertools
import sys
from collections.abc import Callable
from dataclasses import replace

import torch

from baselines.engine import Case, Engine, State, Step, clone
from validation.corpus import Entry
from validation.corpus.common import (
    FLOW,
    LATTICE,
    PROBABILISTIC,
    SMALL,
    TENSOR,
    first_moving,
    put,
    wrapped,
)

SLOWED = "in its process the frozen engine takes .* times as long as in one without it"
WRONG = "after .* timed steps, allowed .*; it computes something else while it is timed"


def entry(name: str, engine: str, build, reason: str = WRONG, **others) -> Entry:
    case = SMALL[engine][0]
    return Entry(name=name, engine=engine, build=build, reason=reason, case=case, **others)


def spoiled(state: State) -> State:
    return put(state, lambda x: x * (1 + 1e-6))


def when(sign, wrong):
    """Wrong where the sign says that nobody judges."""

    def wrap(step: Step, case: Case) -> Step:
        return lambda state: wrong(step, state) if sign() else step(state)

    return wrapped(wrap)


def idle(step: Step, state: State) -> State:
    return state


def astray(step: Step, state: State) -> State:
    return spoiled(step(state))


def on_the_stack() -> bool:
    """Whether a stopwatch called."""
    return any("timing/worker" in frame.filename for frame in inspect.stack(0))


def loaded() -> bool:
    """Whether the clock's modules are there."""
    return "tools.timing.worker" in sys.modules


def untracked() -> bool:
    """Whether the garbage collector is off, as clocks like it."""
    import gc

    return not gc.isenabled()


def now_and_then(n: int):
    made = itertools.count()
    return lambda: next(made) % n == n - 1


def remembered(key):
    """The old answer to every state with that key."""

    def wrap(step: Step, case: Case) -> Step:
        known: dict = {}

        def recall(state: State) -> State:
            if key(state) not in known:
                known[key(state)] = step(state)
            return clone(known[key(state)])

        return recall

    return wrapped(wrap)


def digits(state: State) -> str:
    field = getattr(state, first_moving(state)).abs().double().reshape(-1)
    return f"{float(field.sum()):.6e} {float(field[field.numel() // 3]):.6e}"


class Lazy(torch.Tensor):
    """Not computed until somebody looks."""


def lazily(step: Step, case: Case) -> Step:
    return lambda state: put(step(state), lambda x: x.as_subclass(Lazy))


def thread_by_thread(step: Step, case: Case) -> Step:
    made = itertools.count()

    def more(state: State) -> State:
        if next(made) == 9:
            torch.set_num_threads(2)
        return step(state)

    return more


def put_off(right: Engine) -> Engine:
    """A step only counts; whoever reads the state makes the steps."""
    ready: dict[Case, Step] = {}

    def stepper(case: Case) -> Step:
        ready[case] = right.prepare(case)

        def count(owed: list) -> list:
            owed[1] += 1
            return owed

        return count

    def observe(case: Case, owed: list) -> State:
        while owed[1]:
            owed[0], owed[1] = ready[case](owed[0]), owed[1] - 1
        return right.observe(case, owed[0])

    def adopt(case: Case, state: State) -> list:
        return [right.adopt(case, state), 0]

    return replace(right, stepper=stepper, adopt=adopt, observe=observe)


def outside(right: Engine, enter: Callable[[], None], leave: Callable[[], None]) -> Engine:
    """Its own steps stand between ``enter`` and ``leave``."""

    def stepper(case: Case) -> Step:
        step = right.prepare(case)

        def run(state: State) -> State:
            enter()
            try:
                return step(state)
            finally:
                leave()

        return run

    return replace(right, stepper=stepper)


def patching(right: Engine) -> Engine:
    """What others shift, they shift fifty times: no busy machine makes up for that."""
    real = torch.roll

    def slow(*given, **named) -> torch.Tensor:
        for _ in range(49):
            real(*given, **named)
        return real(*given, **named)

    return outside(
        right, lambda: setattr(torch, "roll", real), lambda: setattr(torch, "roll", slow)
    )


def profiling(right: Engine) -> Engine:
    """Every call of others is looked at for a while."""

    def look(*_) -> None:
        sum(range(1000))

    return outside(right, lambda: sys.setprofile(None), lambda: sys.setprofile(look))


ENTRIES = [
    *(entry(f"idle under a stopwatch: {e}", e, when(on_the_stack, idle)) for e in SMALL),
    *(entry(f"astray beside the clock's modules: {e}", e, when(loaded, astray)) for e in SMALL),
    entry("idle without the collector", LATTICE, when(untracked, idle)),
    entry("wrong on every seventh call", TENSOR, when(now_and_then(7), astray)),
    entry("idle on every eleventh call", PROBABILISTIC, when(now_and_then(11), idle)),
    entry("remembers by shape", FLOW, remembered(lambda s: s[0].shape)),
    entry("remembers six digits", LATTICE, remembered(digits)),
    entry("remembers six digits, complex", TENSOR, remembered(digits)),
    entry("gives a lazy tensor", LATTICE, wrapped(lazily), "E was Lazy"),
    entry("more threads after a while", LATTICE, wrapped(thread_by_thread), "number of threads"),
    entry("puts the work off", LATTICE, put_off, "put off until the clock has stopped"),
    entry("puts the work off, complex", TENSOR, put_off, "put off until the clock has stopped"),
    entry("slows what the frozen engine calls", LATTICE, patching, SLOWED),
    entry("profiles the frozen engine", PROBABILISTIC, profiling, SLOWED),
]
