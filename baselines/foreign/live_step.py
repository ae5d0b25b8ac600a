"""A foreign program stopped at the first call of its step function, and stepped on from there."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any

import torch

from baselines.engine import State
from baselines.foreign import numeric_leaves
from baselines.foreign.program import run
from baselines.foreign.sandbox import Boundaries, Broken, Sandbox, kept_randomness, sow
from baselines.foreign.snapshot import Snapshot


def bind(function: Callable, args: tuple, kwargs: dict) -> inspect.BoundArguments:
    """The arguments of a call, by name; those beyond the names in a list."""
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except (TypeError, ValueError):
        bound = inspect.signature(lambda *args, **kwargs: None).bind(*args, **kwargs)
    for name, parameter in bound.signature.parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL and name in bound.arguments:
            bound.arguments[name] = list(bound.arguments[name])
    return bound


def roots(function: Callable, bound: inspect.BoundArguments) -> dict[str, Any]:
    """What a call can reach: its arguments, its module's variables, its closure."""
    inner = inspect.unwrap(getattr(function, "__func__", function))
    inner = getattr(inner, "py_func", inner)
    code = getattr(inner, "__code__", None)
    cells = zip(code.co_freevars, inner.__closure__ or (), strict=False) if code else ()
    return {
        "arguments": bound.arguments,
        "globals": getattr(inner, "__globals__", {}),
        "closure": dict(cells),
        "named": named(code, getattr(inner, "__globals__", {})) if code else set(),
    }


def named(code: types.CodeType, space: Mapping[str, Any]) -> set[str]:
    """Names that a function's code uses, and the functions of its module that it calls."""
    found: set[str] = set()
    waiting = [code]
    while waiting:
        here = waiting.pop()
        waiting += [c for c in here.co_consts if isinstance(c, types.CodeType)]
        new = set(here.co_names) - found
        found |= new
        called = (getattr(space.get(name), "__wrapped__", space.get(name)) for name in new)
        waiting += [f.__code__ for f in called if isinstance(f, types.FunctionType)]
    return found


def starts(root: dict[str, Any]) -> list[numeric_leaves.Place]:
    """Where the walk through all that a call can reach begins: not at its module's whole table."""
    used = [k for k in root["globals"] if k in root["named"] and not k.startswith("__")]
    return [
        (("item", "arguments"),),
        *((("item", "closure"), ("item", k), ("attr", "cell_contents")) for k in root["closure"]),
        *((("item", "globals"), ("item", k)) for k in used),
    ]


def reach(root: dict[str, Any]) -> dict[numeric_leaves.Place, torch.Tensor]:
    """A copy of every number that a call can reach, by place."""
    seen: set[int] = set()
    walks = (numeric_leaves.numbers(numeric_leaves.get(root, p), p, seen) for p in starts(root))
    return {place: numeric_leaves.tensor(value) for walk in walks for place, value in walk}


class Reached(BaseException):
    """The program came to the first call of its step function."""


class Live:
    """A program stopped at the first call of its step function, with the arguments in hand.

    ``step`` is what `tools.create.step_capture.rule` found; ``tables`` what is set for each call.
    """

    def __init__(
        self, sandbox: Sandbox, step: dict, functions: Mapping[str, Callable], tables: dict
    ):
        self.sandbox, self.tables, self.caught, self.owner = sandbox, tables, None, None
        self.fields, self.scheduled, self.random = step["fields"], step["scheduled"], step["random"]
        self.returned = [f for f in self.fields if f["how"] == "returned"]
        name = step["name"]
        new = functions.get(name, lambda old: old)
        try:
            boundaries = Boundaries({**functions, name: lambda old: self.stop(new(old))})
            run(sandbox, boundaries, sandbox.program.seed)
        except BaseException:
            if self.caught is None:
                raise
        if self.caught is None:
            raise Broken(f"the program never calls {name}")
        self.function, args, kwargs, self.gradients, self.inference = self.caught
        self.bound = bind(self.function, args, kwargs)
        self.root = roots(self.function, self.bound)
        self.fixed_call = not (self.returned or self.scheduled)
        self.args, self.kwargs = self.bound.args, self.bound.kwargs
        with self.mode():
            self.snapshot = Snapshot(numeric_leaves.get(self.root, p) for p in starts(self.root))

    def stop(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def stopped(*args, **kwargs):
            if self.caught is None:
                modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
                self.caught = (function, args, kwargs, *modes)
            raise Reached

        return stopped

    def mode(self):
        if self.inference:
            return torch.inference_mode()
        return torch.set_grad_enabled(self.gradients)

    def take(self, state: State) -> None:
        """Put a state into the program's own objects."""
        taken: set[int] = set()
        values = state._asdict()
        self.calls = int(values.pop("calls", 0))
        self.results = {f["name"]: values[f["name"]] for f in self.fields if f["how"] == "output"}
        with self.mode():
            self.snapshot.restore()
            for field in self.fields:
                given = values[field["name"]]
                if given.is_floating_point() or given.is_complex():
                    given = given * 1  # nothing, but for random rounding
                if field["how"] == "kept":
                    numeric_leaves.fill(self.root, field["place"], given, taken)
                elif field["how"] == "returned":
                    numeric_leaves.put_like(self.root, field["place"], given)

    def advance(self) -> None:
        """One call."""
        for each in self.scheduled:
            table = self.tables[each["name"]]
            now = table[min(self.calls, len(table) - 1)]
            numeric_leaves.put_like(self.root, each["place"], now)
        if not self.fixed_call:
            self.args, self.kwargs = self.bound.args, self.bound.kwargs
        with self.mode(), self.sandbox.with_modules():
            if self.random:
                with kept_randomness():
                    sow(self.sandbox.program.seed + self.calls)
                    self.result = self.function(*self.args, **self.kwargs)
            else:
                self.result = self.function(*self.args, **self.kwargs)
        for field in self.returned:
            part = numeric_leaves.get(self.result, field["result"])
            numeric_leaves.put(self.root, field["place"], part)
        self.calls += 1
        self.results = None

    def give(self, state: type) -> State:
        """The canonical state, copied out of the program's objects."""
        values = {"calls": torch.tensor(self.calls)} if "calls" in state._fields else {}
        for field in self.fields:
            name, output = field["name"], field["how"] == "output"
            if output and self.results is not None:
                values[name] = self.results[name]
            else:
                holder = self.result if output else self.root
                values[name] = numeric_leaves.tensor(numeric_leaves.get(holder, field["place"]))
        return state(**values)


class Working:
    """A state on its way: canonical until the first step, then inside the live program."""

    def __init__(self, state: State):
        self.state, self.live, self.kind = state, None, type(state)

    def advanced(self, live: Live) -> Working:
        """One step on; the live program belongs to whoever stepped it last."""
        if self.live is None:
            live.take(self.state)
            self.live, self.state, live.owner = live, None, self
        elif live.owner is not self:
            raise Broken("a state was stepped on after the program had gone on with another one")
        live.advance()
        return self

    def observed(self) -> State:
        return self.state if self.live is None else self.live.give(self.kind)
