"""Engines made of foreign programs, torch or numpy: what `groundspeed create` writes uses this.

Two kinds. A *stepping* engine is one function of the program: the program runs up to its first
call, which hands over the arguments; from there on the function is called again and again. Its
state is what the calls change or hand on. A *whole-run* engine makes the whole program one
step; its state is what the program leaves behind. In both, states are tensors at the boundary
and whatever the program has inside.

Nothing wider than the program's own type can be asked of a foreign program, so the frozen run
itself stands in for the truth. Random rounding reaches torch operators inside the program, and
the values with which a stepping engine starts: each goes through a product with one, which
changes nothing unless rounding is random.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from . import arrays
from .engine import Case, Engine, State, Step, same
from .program import Boundaries, Broken, Program, Room, kept_randomness, run, sow

COPIES = "frozen_sources"  # foreign code: not ours to format, to lint or to import
LADDER = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)  # calls that are watched


@dataclass(frozen=True, kw_only=True)
class Run(Case):
    """A run of a foreign program.

    Attributes:
        truth_is: what stands in for the truth, and which claims that leaves.
    """

    truth_is: str


def engine(name: str, folder: Path, state: type, digest: str) -> Engine:
    """The engine that ``origin.json`` in the folder describes.

    Raises:
        Broken: a file is not the one that was frozen.
    """
    origin = read_origin(folder, digest)
    stepping = origin["step"] is not None
    return Engine(
        name=name,
        cases={key: Run(**case) for key, case in origin["cases"].items()},
        initial=functools.partial(initial, folder, state),
        stages=(),
        stepper=Stepper(folder=folder, state=state, digest=digest),
        fixed=tuple(origin["fixed"]),
        adopt=(lambda case, given: Working(given)) if stepping else same,
        observe=(lambda case, working: working.observed()) if stepping else same,
        in_place=stepping,
        opaque=origin["opaque"],
    )


def over_state(baseline: Engine, stepper: Callable[[Case], Step]) -> Engine:
    """An optimization written from scratch: its step takes and returns the canonical state."""
    return replace(baseline, stepper=stepper, adopt=same, observe=same, in_place=False)


def substitute(baseline: Engine, functions: Mapping[str, Callable]) -> Engine:
    """The foreign program with functions replaced: ``{"module:function": faster}``."""
    stepper = baseline.stepper
    if not isinstance(stepper, Stepper):
        raise TypeError(f"{baseline.name} is no foreign program; use replace_stage or replace")
    return replace(baseline, stepper=replace(stepper, functions=dict(functions)))


def read_origin(folder: Path, digest: str) -> dict:
    """What was frozen, after every frozen file was found to be what it was."""
    data = (folder / "origin.json").read_bytes()
    shown = f"baselines/{folder.name}"
    if hashlib.sha256(data).hexdigest() != digest:
        raise Broken(f"{shown}/origin.json was edited; restore it: git checkout -- {shown}")
    origin = json.loads(data)
    for path, sealed in origin["files"].items():
        file = folder / path
        if not file.exists() or hashlib.sha256(file.read_bytes()).hexdigest() != sealed:
            what = "was edited" if file.exists() else "is missing"
            raise Broken(f"{shown}/{path} {what} since it was frozen; restore it with git checkout")
    return origin


def initial(folder: Path, state: type, case: Case) -> State:
    """The recorded start of a stepping engine; nothing computed yet, of a whole run."""
    return state(**torch.load(folder / "start.pt", weights_only=True))


@dataclass(frozen=True, kw_only=True)
class Stepper:
    """``stepper(case)``: the program made ready, and one step of it."""

    folder: Path
    state: type
    digest: str
    functions: Mapping[str, Callable] = field(default_factory=dict)

    def __call__(self, case: Case) -> Step:
        origin = read_origin(self.folder, self.digest)
        program = replace(from_json(Program, origin["program"]), seed=case.seed)
        if origin["step"] is None:
            return functools.partial(self.whole_run, program, origin)
        live = Live(self.room(program), origin["step"], self.substitutes())
        if live.scheduled:
            live.tables = torch.load(self.folder / "schedule.pt", weights_only=True)
        return lambda working: working.advanced(live, self.state)

    def room(self, program: Program) -> Room:
        return Room(self.folder / COPIES, program)

    def substitutes(self) -> dict[str, Callable]:
        return {k: functools.partial(lambda new, old: new, f) for k, f in self.functions.items()}

    def whole_run(self, program: Program, origin: dict, state: State) -> State:
        """The whole program once more, with the next seed."""
        number = int(state.runs)
        watches = {name: Watch(name) for name in origin["watch"]}
        boundaries = Boundaries(self.substitutes() | {n: w.wrap for n, w in watches.items()})
        left = run(self.room(program), boundaries, program.seed + number)
        found = outputs(left, watches.values())
        absent = [name for name in self.state._fields[:-1] if name not in found]
        if absent:
            raise Broken(f"the run left no {absent[0]}; it left {sorted(found)[:8]}")
        values = [arrays.tensor(found[name]) for name in self.state._fields[:-1]]
        return self.state(*values, torch.tensor(number + 1))


def from_json(kind: type, values: dict) -> Any:
    """A dataclass from plain data: lists become tuples."""
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})


def outputs(left: Mapping[str, Any], watches=()) -> dict[str, Any]:
    """Every number that a run left behind, by name; nothing is converted yet."""
    found: dict[str, Any] = {}
    for key, value in left.items():
        for place, number in arrays.numbers(value, (("item", key),)):
            found.setdefault(field_name(place), number)
    for watch in watches:
        found |= watch.stacked()
    return found


def field_name(place: arrays.Place) -> str:
    """A name for a field, from where it lies."""
    keys = [str(key) for _, key in place if str(key) not in ("arguments", "globals", "closure")]
    inner = keys[1:] if len(keys) > 1 and keys[0] == "self" else keys
    inner = [k for k in inner if k not in ("_parameters", "_buffers", "_modules", "cell_contents")]
    name = re.sub(r"\W+", "_", "_".join(inner)).strip("_") or "value"
    return name if not name[0].isdigit() and name not in RESERVED else f"value_{name}"


RESERVED = {"count", "index", "runs", "calls", "lambda", "in", "is", "from", "for", "if", "as"}


class Watch:
    """Keeps the arguments and results of calls number 1, 2, 5, 10, 20, … of a function."""

    def __init__(self, name: str):
        self.name, self.calls = name, 0
        self.kept: dict[str, list[torch.Tensor]] = {}

    def wrap(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def watched(*args, **kwargs):
            self.calls += 1
            if self.calls not in LADDER:
                return function(*args, **kwargs)
            given = bind(function, args, kwargs).arguments
            self.keep({k: v for k, v in given.items() if k != "self"}, "")
            result = function(*args, **kwargs)
            self.keep({k: v for k, v in given.items() if k != "self"}, "_after")
            self.keep({"result": result}, "")
            return result

        return watched

    def keep(self, values: dict[str, Any], ending: str) -> None:
        short = self.name.rpartition(":")[2].replace(".", "_")
        for key, value in values.items():
            for place, number in arrays.numbers(value, (("item", key),)):
                name = f"{short}_{field_name(place)}{ending}"
                self.kept.setdefault(name, []).append(arrays.tensor(number))

    def stacked(self) -> dict[str, torch.Tensor]:
        """One tensor a name, calls first; what calls leave as it was is told once."""
        found = {}
        for name, rows in self.kept.items():
            before = self.kept.get(name.removesuffix("_after"))
            if name.endswith("_after") and before and all(map(arrays.same, rows, before)):
                continue
            if all(r.shape == rows[0].shape and r.dtype == rows[0].dtype for r in rows):
                found[name] = torch.stack(rows)
        return found


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
        "named": set(code.co_names) if code else set(),
    }


def reach(root: dict[str, Any]) -> dict[arrays.Place, torch.Tensor]:
    """A copy of every number that a call can reach, by place."""
    seen: set[int] = set()
    found = dict(arrays.numbers(root["arguments"], (("item", "arguments"),), seen))
    for name, cell in root["closure"].items():
        place = (("item", "closure"), ("item", name), ("attr", "cell_contents"))
        found |= dict(arrays.numbers(cell.cell_contents, place, seen))
    for name, value in list(root["globals"].items()):
        if name.startswith("__") or not (name in root["named"] or arrays.is_number(value)):
            continue
        found |= dict(arrays.numbers(value, (("item", "globals"), ("item", name)), seen))
    return {place: arrays.tensor(value) for place, value in found.items()}


class Reached(BaseException):
    """The program came to the first call of its step function."""


class Live:
    """A program stopped at the first call of its step function, with the arguments in hand."""

    def __init__(self, room: Room, step: dict, functions: Mapping[str, Callable]):
        self.room, self.caught, self.tables = room, None, {}
        self.fields = [(f["name"], f["how"], place(f["place"])) for f in step["fields"]]
        returned = [f for f in step["fields"] if f["how"] == "returned"]
        self.returned = [(place(f["place"]), place(f["result"])) for f in returned]
        self.scheduled = [(s["name"], place(s["place"])) for s in step["scheduled"]]
        self.random, self.owner = step["random"], None
        stops = {step["name"]: self.stop}
        wraps = {k: v for k, v in functions.items() if k not in stops}
        if step["name"] in functions:
            stops = {step["name"]: lambda old: self.stop(functions[step["name"]](old))}
        try:
            run(room, Boundaries(wraps | stops), room.program.seed)
        except BaseException:
            if self.caught is None:
                raise
        if self.caught is None:
            raise Broken(f"the program never calls {step['name']}")
        self.function, args, kwargs, self.gradients, self.inference = self.caught
        self.bound = bind(self.function, args, kwargs)
        self.root = roots(self.function, self.bound)
        self.fixed_call = not (self.returned or self.scheduled)
        self.args, self.kwargs = self.bound.args, self.bound.kwargs

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
        self.results = {n: values[n] for n, how, _ in self.fields if how == "output"}
        with self.mode():
            for name, how, where in self.fields:
                given = values[name]
                if given.is_floating_point() or given.is_complex():
                    given = given * 1  # nothing, but for random rounding
                if how == "kept":
                    arrays.fill(self.root, where, given, taken)
                elif how == "returned":
                    pattern = arrays.get(self.root, where)
                    arrays.put(self.root, where, arrays.like(pattern, given))

    def advance(self) -> None:
        """One call."""
        for name, where in self.scheduled:
            now = self.tables[name][min(self.calls, len(self.tables[name]) - 1)]
            arrays.put(self.root, where, arrays.like(arrays.get(self.root, where), now))
        if not self.fixed_call:
            self.args, self.kwargs = self.bound.args, self.bound.kwargs
        with self.mode(), self.room.with_modules():
            if self.random:
                with kept_randomness():
                    sow(self.room.program.seed + self.calls)
                    self.result = self.function(*self.args, **self.kwargs)
            else:
                self.result = self.function(*self.args, **self.kwargs)
        for where, part in self.returned:
            arrays.put(self.root, where, arrays.get(self.result, part))
        self.calls += 1
        self.results = None

    def give(self, state: type) -> State:
        """The canonical state, copied out of the program's objects."""
        values = {}
        for name, how, where in self.fields:
            if how != "output":
                values[name] = arrays.tensor(arrays.get(self.root, where))
            elif self.results is not None:
                values[name] = self.results[name]
            else:
                values[name] = arrays.tensor(arrays.get(self.result, where))
        if "calls" in state._fields:
            values["calls"] = torch.tensor(self.calls)
        return state(**values)


def place(keys: list) -> arrays.Place:
    return tuple((how, key) for how, key in keys)


class Working:
    """A state on its way: canonical until the first step, then inside the live program."""

    def __init__(self, state: State):
        self.state, self.live, self.kind = state, None, type(state)

    def advanced(self, live: Live, kind: type) -> Working:
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
