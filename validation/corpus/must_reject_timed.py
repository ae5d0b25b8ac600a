"""Candidates that are wrong only while they are timed: the clock must reject each."""

import gc
import inspect
import sys
from collections.abc import Callable
from dataclasses import replace

import torch

from baselines.engine import Case, Engine, State, Step
from validation.corpus import Entry, common
from validation.corpus.common import (
    FLOW,
    LATTICE,
    PROBABILISTIC,
    TENSOR,
    Build,
    Spoil,
    changed,
    digits,
    idle,
    meddling,
    memoized,
    on_all,
    on_calls,
    slightly_off,
    stepping,
    wrapped,
)

SLOWED = "in its process the frozen engine takes .* times as long as in one without it"
WRONG = "after .* timed steps, allowed .*; it computes something else while it is timed"
PUT_OFF = "put off until the clock has stopped"


def entry(name: str, engine: str, build: Build, reason: str = WRONG) -> Entry:
    return common.entry(name, engine, build, reason)


def when(sign: Callable[[], bool], spoil: Spoil) -> Build:
    """Wrong where the sign says that nobody judges."""
    return stepping(lambda step, state: spoil(step, state) if sign() else step(state))


class Lazy(torch.Tensor):
    """Not computed until somebody looks."""


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


def outside(enter: Callable[[], None], leave: Callable[[], None]) -> Build:
    """Its own steps stand between ``enter`` and ``leave``."""

    def wrap(step: Step, case: Case) -> Step:
        def run(state: State) -> State:
            enter()
            try:
                return step(state)
            finally:
                leave()

        return run

    return wrapped(wrap)


def patching(right: Engine) -> Engine:
    """What others shift, they shift fifty times: no busy machine makes up for that."""
    real = torch.roll

    def slow(*given, **named) -> torch.Tensor:
        for _ in range(49):
            real(*given, **named)
        return real(*given, **named)

    def put(function: Callable) -> Callable[[], None]:
        return lambda: setattr(torch, "roll", function)

    return outside(put(real), put(slow))(right)


def look(*_) -> None:
    """At every call of others, for a while."""
    sum(range(1000))


ENTRIES = [
    *on_all("idle under a stopwatch",
            when(lambda: any("timing/worker" in f.filename for f in inspect.stack(0)), idle),
            WRONG),
    *on_all("astray beside the clock's modules",
            when(lambda: "tools.timing.worker" in sys.modules, slightly_off), WRONG),
    entry("idle without the collector", LATTICE, when(lambda: not gc.isenabled(), idle)),
    entry("wrong on every seventh call", TENSOR, on_calls(lambda n: n % 7 == 0, slightly_off)),
    entry("idle on every eleventh call", PROBABILISTIC, on_calls(lambda n: n % 11 == 0, idle)),
    entry("remembers by shape", FLOW, memoized(lambda s: s[0].shape)),
    entry("remembers six digits", LATTICE, memoized(digits(6))),
    entry("remembers six digits, complex", TENSOR, memoized(digits(6))),
    entry("gives a lazy tensor", LATTICE, changed(lambda x: x.as_subclass(Lazy)), "E was Lazy"),
    entry("more threads after a while", LATTICE,
          on_calls(lambda n: n == 10, meddling(lambda: torch.set_num_threads(2))),
          "number of threads"),
    entry("puts the work off", LATTICE, put_off, PUT_OFF),
    entry("puts the work off, complex", TENSOR, put_off, PUT_OFF),
    entry("slows what the frozen engine calls", LATTICE, patching, SLOWED),
    entry("profiles the frozen engine", PROBABILISTIC,
          outside(lambda: sys.setprofile(None), lambda: sys.setprofile(look)), SLOWED),
]  # fmt: skip
