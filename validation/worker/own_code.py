"""An author's functions under watch: what they return, and where they raise.

A value of the wrong type fails far from the line that made it: in a frozen stage, or in the
harness. So what each function returns is held to the type of what it was given, and where anything
raises afterwards, the message names the function, its file and its line. Only the observed state is
refused for its type alone: a working layout is the author's own business as long as nothing raises.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from groundspeed import project
from groundspeed.baselines.engine import Case, Engine, Stage, State, Step, replace, same
from groundspeed.validation import discovery
from groundspeed.validation.records import digests

WRAPPERS = ("func", "__wrapped__", "py_func", "_torchdynamo_orig_callable", "__func__")


class WrongReturn(TypeError):
    """A function returned what it may not; the message says all."""


class Layout(NamedTuple):
    """What a state must be: its type, and which of its fields hold tensors."""

    kind: type
    tensors: tuple[str, ...]

    @classmethod
    def of(cls, state: object) -> Layout:
        names = getattr(state, "_fields", ())
        return cls(type(state), tuple(n for n in names if is_tensor(getattr(state, n))))

    def fault(self, state: object) -> str:
        """What is wrong with ``state``, and what to do; "" where nothing is."""
        if not isinstance(state, self.kind):
            to_do = "state._replace(...)" if self.tensors else "what it was given, moved on"
            return f"{type(state).__name__}, allowed: {self.kind.__name__}; return {to_do}"
        for name in self.tensors:
            if not is_tensor(value := getattr(state, name)):
                return (
                    f"{self.kind.__name__} with {type(value).__name__} as {name}, allowed: "
                    f"Tensor; return state._replace({name}=a tensor)"
                )
        return ""


class OwnCode:
    """The functions of one candidate, and what was seen of them.

    Args:
        name: an optimization, "=" and a baseline, or "@" and an entry of the corpus.
    """

    def __init__(self, name: str):
        self.folder = own_folder(name)
        self.functions: tuple = ()  # of the call that was made last, and their builder
        self.wanted: Layout | None = None  # what a function should have returned and did not
        self.returned = ""  # what it did return

    def watched(self, engine: Engine) -> Engine:
        """``engine``, which computes the same."""
        stages = tuple(
            Stage(s.name, self.builder(f"stage {s.name}", s.build)) for s in engine.stages
        )
        stepper = engine.stepper and self.builder("step", engine.stepper)
        adopt, observe = partial(self.adopt, engine), partial(self.observe, engine)
        return replace(engine, stages=stages, stepper=stepper, adopt=adopt, observe=observe)

    def builder(self, what: str, build: Callable[[Case], Step]) -> Callable[[Case], Step]:
        """Builds the function of that name, which is then watched."""

        def prepare(case: Case) -> Step:
            self.functions = (build,)
            step = build(case)
            if not callable(step):
                fault = f"{type(step).__name__}, allowed: a function of the state; return that"
                raise WrongReturn(self.words(f"the builder of {what}", fault))
            return partial(self.call, what, (step, build))

        return prepare

    def call(self, what: str, functions: tuple, state: State) -> State:
        """One call of a step or stage, noting whether its result is like what it was given."""
        self.functions = functions
        after = functions[0](state)
        if not self.wanted and alike(after, state):
            return after
        wanted = self.wanted or Layout.of(state)
        fault = wanted.fault(after)
        if not fault:
            self.wanted, self.returned = None, ""
        elif not self.wanted:
            self.wanted, self.returned = wanted, self.words(what, fault, functions)
        return after

    def adopt(self, engine: Engine, case: Case, state: State) -> object:
        self.functions, self.wanted, self.returned = (engine.adopt,), None, ""
        self.canonical = Layout(type(state), state._fields)
        working = engine.adopt(case, state)
        if working is None:
            self.returned = self.words("adopt", "None, allowed: a working state; return it")
        return working

    def observe(self, engine: Engine, case: Case, working: object) -> State:
        self.functions = (engine.observe,)
        state = engine.observe(case, working)
        if fault := self.canonical.fault(state):
            what = "step" if engine.observe is same else "observe"
            raise WrongReturn("" if self.returned else self.words(what, fault))
        return state

    def words(self, what: str, fault: str, functions: tuple = ()) -> str:
        place = self.place(*functions or self.functions)
        return f"{what} returned {fault}" + (f" ({place})" if place else "")

    def place(self, *functions: object) -> str:
        """Where the first of the functions that is the author's is written; "" where none is."""
        for function in functions:
            code = code_of(function)
            path = Path(code.co_filename) if code else None
            if path and path.is_relative_to(self.folder):
                return f"{project.place_of(path)}:{code.co_firstlineno}"
        return ""

    def explain(self, error: Exception) -> str:
        """What happened, in one line, with file and line of the author's."""
        returned, self.wanted, self.returned = self.returned, None, ""
        if isinstance(error, WrongReturn):
            return returned or str(error)
        raised = discovery.raised(error, self.folder, self.place(*self.functions))
        return f"{returned}, then {raised}" if returned else raised


def alike(one: object, other: object) -> bool:
    """Whether they are of one type, and so are their fields: nearly always, and told at once."""
    if type(one) is not type(other):
        return False
    return not isinstance(one, tuple) or list(map(type, one)) == list(map(type, other))


def is_tensor(value: object) -> bool:
    return isinstance(value, torch.Tensor)


def own_folder(name: str) -> Path:
    """Where its code is written."""
    if name.startswith("@"):
        return project.HARNESS / "validation" / "corpus"
    return digests.ROOT / "baselines" / name[1:] if name[0] == "=" else discovery.folder(name)


def code_of(function: object):
    """The code of a function below what wraps it; None of what was not written in Python."""
    while inner := next((f for w in WRAPPERS if (f := getattr(function, w, None))), None):
        function = inner
    return getattr(function, "__code__", None) or getattr(type(function).__call__, "__code__", None)
