"""Candidates that the clock must give no number or no gain: they are wrong only while they are
timed, or work where a clock may not look."""

import gc
import inspect
import itertools
import sys
from collections.abc import Callable
from dataclasses import replace

import torch

from groundspeed.baselines.engine import Case, Engine, State, Step, clone
from groundspeed.validation.corpus import Entry, common
from groundspeed.validation.corpus.common import (
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
from groundspeed.validation.records import digests

SLOWED = "in its process the frozen engine takes .* times as long as in one without it"
WRONG = "after .* timed steps, allowed .*; it computes something else while it is timed"
NO_GAIN = "takes .* times as long, no gain"  # right, and charged with all that it does
CLOCK = "groundspeed.tools.timing.prepared_case"


def entry(
    name: str, engine: str, build: Build, reason: str = WRONG, case: str = "", **others
) -> Entry:
    return common.entry(name, engine, build, reason, case, **others)


def when(sign: Callable[[], bool], spoil: Spoil) -> Build:
    """Wrong where the sign says that nobody judges."""
    return stepping(lambda step, state: spoil(step, state) if sign() else step(state))


class Lazy(torch.Tensor):
    """Not computed until somebody looks."""


def lagging(at_once: Callable[[int], int]) -> Build:
    """Of the steps that it owes, a call makes as many as that says; whoever reads the state, the
    rest."""

    def build(right: Engine) -> Engine:
        ready: dict[Case, Step] = {}

        def make(case: Case, owed: list, count: int) -> None:
            for _ in range(count):
                owed[0], owed[1] = ready[case](owed[0]), owed[1] - 1

        def stepper(case: Case) -> Step:
            ready[case], calls = right.prepare(case), itertools.count()

            def step(owed: list) -> list:
                make(case, owed, min(owed[1], at_once(next(calls))))
                owed[1] += 1
                return owed

            return step

        def observe(case: Case, owed: list) -> State:
            make(case, owed, owed[1])
            return right.observe(case, owed[0])

        def adopt(case: Case, state: State) -> list:
            return [right.adopt(case, state), 0]

        return replace(right, stepper=stepper, adopt=adopt, observe=observe)

    return build


def ahead(right: Engine) -> Engine:
    """All steps are made as a state is taken over; a call turns a page."""
    ready: dict[Case, Step] = {}

    def stepper(case: Case) -> Step:
        ready[case] = right.prepare(case)
        return lambda pages: pages[1:]

    def adopt(case: Case, state: State) -> list:
        pages = [right.adopt(case, state)]
        for _ in range(case.steps):
            pages.append(ready[case](pages[-1]))
        return pages

    def observe(case: Case, pages: list) -> State:
        return clone(right.observe(case, pages[0]))

    return replace(right, stepper=stepper, adopt=adopt, observe=observe)


def editing(name: str) -> Build:
    """One call of many goes through memory for seconds beside the stream's, and takes a tenth
    of its own wherever they are kept."""

    def edit() -> None:
        for kept in gc.get_objects():
            if type(kept) is dict and "stream" in kept and type(kept.get(name)) is tuple:
                kept[name] = tuple(t / 10 for t in kept[name])

    def wrap(step: Step, case: Case) -> Step:
        calls = itertools.count(1)

        def run(state: State) -> State:
            if next(calls) % 150 == 0:
                edit()
            return step(state)

        return run

    return wrapped(wrap)


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
            when(lambda: any("timing/prepared_case" in f.filename for f in inspect.stack(0)), idle),
            WRONG),
    *on_all("astray beside the clock's modules",
            when(lambda: CLOCK in sys.modules, slightly_off), WRONG),
    entry("idle without the collector", LATTICE, when(lambda: not gc.isenabled(), idle)),
    entry("wrong on every seventh call", TENSOR, on_calls(lambda n: n % 7 == 0, slightly_off)),
    entry("idle on every eleventh call", PROBABILISTIC, on_calls(lambda n: n % 11 == 0, idle)),
    entry("remembers by shape", FLOW, memoized(lambda s: s[0].shape)),
    entry("remembers two digits", LATTICE, memoized(digits(1))),
    entry("remembers two digits, complex", TENSOR, memoized(digits(1))),
    *on_all("remembers every bit", memoized(digests.of_state), NO_GAIN,
            (PROBABILISTIC, FLOW, TENSOR), level="rounding"),
    entry("gives a lazy tensor", LATTICE, changed(lambda x: x.as_subclass(Lazy)), "E was Lazy"),
    entry("more threads after a while", LATTICE,
          on_calls(lambda n: n == 10, meddling(lambda: torch.set_num_threads(2))),
          "number of threads"),
    entry("puts all work off", LATTICE, lagging(lambda call: 0), NO_GAIN),
    entry("puts all work off, complex", TENSOR, lagging(lambda call: 0), NO_GAIN),
    entry("puts every third step off", LATTICE, lagging(lambda call: int(call % 3 > 0)), NO_GAIN),
    entry("is always a step behind", PROBABILISTIC, lagging(lambda call: 1), NO_GAIN,
          "seeding_only_128x120"),
    entry("makes the steps ahead", LATTICE, ahead, NO_GAIN),
    entry("edits its seconds", LATTICE, editing("edits its seconds"), NO_GAIN),
    entry("slows what the frozen engine calls", LATTICE, patching, SLOWED),
    entry("profiles the frozen engine", PROBABILISTIC,
          outside(lambda: sys.setprofile(None), lambda: sys.setprofile(look)), SLOWED),
]  # fmt: skip
