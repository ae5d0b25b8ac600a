"""Constructors that the controls share."""

import itertools
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace

from torch import Tensor

from groundspeed.baselines.engine import Case, Engine, State, Step, clone, fields
from groundspeed.validation.corpus import Entry

Build = Callable[[Engine], Engine]
Spoil = Callable[[Step, State], State]  # what a candidate makes of the right step and a state
# engine: (a small case on which all of it happens, a field that moves there)
SMALL = {
    "lattice_field_v1": ("odd_2d", "E"),
    "probabilistic_field_v1": ("peaks", "E"),
    "energy_flow_v1": ("tiny_steps", "energy"),
    "tensor_field_v1": ("axis_0", "T"),
}
LATTICE, PROBABILISTIC, FLOW, TENSOR = SMALL


def entry(name: str, engine: str, build: Build, reason="", case="", **others) -> Entry:
    """Checked on the engine's small case, unless another is named."""
    case = case or SMALL[engine][0]
    return Entry(name=name, engine=engine, build=build, reason=reason, case=case, **others)


def on_all(
    name: str, build: Build, reason: str = "", engines: Iterable[str] = SMALL, **others
) -> list[Entry]:
    return [entry(f"{name}: {engine}", engine, build, reason, **others) for engine in engines]


def prepared(prepare: Callable[[Engine, Case], Step]) -> Build:
    """A candidate whose step is prepare(right engine, case)."""
    return lambda right: replace(right, stepper=lambda case: prepare(right, case))


def wrapped(wrap: Callable[[Step, Case], Step]) -> Build:
    """A candidate whose step is wrap(right step, case): for what has a memory."""
    return prepared(lambda right, case: wrap(right.prepare(case), case))


def stepping(spoil: Spoil) -> Build:
    """A candidate whose step is spoil(right step, state)."""
    return wrapped(lambda step, case: lambda state: spoil(step, state))


def changed(act: Callable[[Tensor], Tensor]) -> Build:
    """A candidate that gives the right state with act(its moving field)."""
    return stepping(lambda step, state: put(step(state), act))


def instead(act: Callable[[Tensor], Tensor]) -> Build:
    """A candidate that makes no step and gives act(its moving field)."""
    return stepping(lambda step, state: put(state, act))


def on_calls(among: Callable[[int], bool], spoil: Spoil) -> Build:
    """Spoils the calls whose number, from 1, is among those."""

    def wrap(step: Step, case: Case) -> Step:
        made = itertools.count(1)
        return lambda state: spoil(step, state) if among(next(made)) else step(state)

    return wrapped(wrap)


def memoized(key: Callable[[State], Hashable]) -> Build:
    """The old answer to every state with that key."""

    def wrap(step: Step, case: Case) -> Step:
        known: dict = {}

        def recall(state: State) -> State:
            if key(state) not in known:
                known[key(state)] = step(state)
            return clone(known[key(state)])

        return recall

    return wrapped(wrap)


def digits(count: int) -> Callable[[State], str]:
    """So many digits of a sum and of one cell of the moving field."""

    def key(state: State) -> str:
        cells = getattr(state, moving_field(state)).abs().double().reshape(-1)
        return f"{float(cells.sum()):.{count}e} {float(cells[cells.numel() // 3]):.{count}e}"

    return key


def idle(step: Step, state: State) -> State:
    return state


def slightly_off(step: Step, state: State) -> State:
    return put(step(state), lambda x: x * (1 + 1e-6))


def meddling(act: Callable[[], object]) -> Spoil:
    """Right, and something else is not as it was."""

    def also(step: Step, state: State) -> State:
        act()
        return step(state)

    return also


def moving_field(state: State) -> str:
    """The field that entries spoil: E, T or energy."""
    return next(name for name in ("E", "T", "energy") if name in state._fields)


def put(state: State, act: Callable[[Tensor], Tensor]) -> State:
    """The state with that field replaced by act(field)."""
    name = moving_field(state)
    return state._replace(**{name: act(fields(state)[name])})
