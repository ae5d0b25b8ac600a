"""Conditions and limits of an engine: which outcomes of each its runs have reached.

A test of an engine says nothing about what it never reaches. Within `Conditions` every place
of the engine's own sources at which something is decided notes how it came out:

    comparison   true, false, equal       <, ≤, >, ≥ of tensors; equal: of some two elements
                 true, false              =, ≠, isfinite, isnan, ...
    limit        low, high, idle          clamp and the like: raised, lowered, left some element
    branch       true, false              each condition of an if, a conditional expression, ``and``
                                          or ``or`` in Python; also a tensor read as a bool

Tensor operators are seen through torch's dispatch and belong to the innermost line of the engine
that made them; where the bounds are handed to a function as its arguments, to the line that calls
it. Branches are conditional jumps of the bytecode of each function that ran.
A condition from one side of which nothing leads but to an error refuses bad input, and does not
count. What can be reached only in functions that no run has entered is not known.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from types import CodeType, FrameType
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from groundspeed import project
from groundspeed.baselines.engine import Case, Engine, State
from groundspeed.validation.reference.places import (
    ENGINES,
    OUTCOMES,
    TWO_SIDES,
    Jump,
    Limits,
    Place,
    Plan,
    is_engine_source,
    is_handed_on,
    outcomes,
    place_of,
    plan_of,
)

MOST = 1 << 15  # jumps that are followed in one call of a function; a loop may make millions


def reached_by(engine: Engine, case: Case, steps: int, start: State | None = None) -> Limits:
    """What so many steps reach; from the case's own start, whose making counts, or another."""
    with Conditions(engine) as conditions:
        engine.runner(case)(engine.initial(case) if start is None else start, steps)
    return conditions.limits


def coverage_of(engine: Engine, inputs: Iterable[tuple[Case, State | None, int]]) -> Limits:
    """What runs reach together, each a case, a start (None: the case's own) and steps."""
    found = (reached_by(engine, case, steps, start) for case, start, steps in inputs)
    return functools.reduce(Limits.__or__, found, Limits())


class Plans(dict[CodeType, Plan | None]):
    """What is watched in a function; nothing in one that is not the engine's."""

    def __init__(self, files: frozenset[str]):
        super().__init__()
        self.files = files

    def __missing__(self, code: CodeType) -> Plan | None:
        ours = code.co_filename in self.files or is_engine_source(code.co_filename)
        self[code] = plan_of(code) if ours else None
        return self[code]


class Conditions(TorchDispatchMode):
    """Within it, places of the engine's sources note their outcomes in ``limits``.

    Any number of runs, of any case; nothing of what they compute changes. What the operator at
    the ``watched`` place gives is kept in ``results``, call by call.
    """

    def __init__(self, engine: Engine, watched: Place | None = None):
        super().__init__()
        self.watched = watched
        self.results: list[torch.Tensor] = []
        self.found: dict[Place, set[str]] = {}
        self.plans = Plans(own_files(engine))
        self.settled: set[CodeType] = set()  # functions whose every jump went both ways
        self.tracer: Any = None  # whoever traced before

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here, and to say so torch would import its compiler

    @property
    def limits(self) -> Limits:
        """What was seen so far."""
        return Limits({place: frozenset(seen) for place, seen in self.found.items()})

    def __enter__(self):
        entered = super().__enter__()
        self.tracer = sys.gettrace()
        sys.settrace(self.called)
        return entered

    def __exit__(self, *error):
        sys.settrace(self.tracer)
        return super().__exit__(*error)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        operator = operator_of(func)
        if operator == "clamp":
            operator = clamping(*args[1:], **kwargs)
        place = operator and self.place(operator, args[0])
        if not place:
            return func(*args, **kwargs)
        given = args[0].clone() if func._schema.is_mutable else args[0]  # else overwritten
        result = func(*args, **kwargs)
        if place == self.watched:
            self.results.append(result.clone())
        seen = self.found.setdefault(place, set())
        for outcome, test in TESTS[operator].items():
            if outcome not in seen and test(result, given, *args[1:2]):
                seen.add(outcome)
        return result

    def place(self, operator: str, given: object) -> Place | None:
        """Of an operator that is called just now; none if nothing new can be seen there."""
        if operator == "bool" and given.dtype != torch.bool:
            return None
        frame = self.engine_frame(sys._getframe(2))
        while frame and is_handed_on(frame.f_code, frame.f_lasti):
            caller = self.engine_frame(frame.f_back)
            if caller is None:
                break
            frame = caller
        place = frame and place_of(frame.f_code, frame.f_lasti, operator)
        if not place or place.line in self.plans[frame.f_code].refusals:
            return None
        if place == self.watched:
            return place
        return place if len(self.found.get(place, ())) < len(outcomes(place)) else None

    def engine_frame(self, frame: FrameType | None) -> FrameType | None:
        """The innermost frame of the engine's own functions, from there outwards."""
        while frame and not self.plans[frame.f_code]:
            frame = frame.f_back
        return frame

    def called(self, frame: FrameType, event: str, arg: object) -> Callable | None:
        """Python is about to run a function: its jumps are followed if it is the engine's."""
        code = frame.f_code
        plan = self.plans[code]
        if plan is None or code in self.settled:
            return None
        for jump in plan.jumps.values():
            self.found.setdefault(jump.place, set())
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return self.follower(code, plan.jumps)

    def follower(self, code: CodeType, jumps: dict[int, Jump]) -> Callable:
        """What is called before each instruction of one call of a function."""
        pending: Jump | None = None
        left = MOST

        def follow(frame: FrameType, event: str, arg: object) -> Callable:
            nonlocal pending, left
            if event == "opcode":
                here = frame.f_lasti
                if pending is not None:
                    went = pending.stayed if pending.at < here <= pending.beyond else pending.jumped
                    self.note(code, jumps, pending.place, went)
                    left -= 1
                    frame.f_trace_opcodes = left > 0 and code not in self.settled
                pending = jumps.get(here)
            return follow

        self.settle(code, jumps)
        return follow

    def note(self, code: CodeType, jumps: dict[int, Jump], place: Place, went: str) -> None:
        seen = self.found[place]
        if went not in seen:
            seen.add(went)
            self.settle(code, jumps)

    def settle(self, code: CodeType, jumps: dict[int, Jump]) -> None:
        if all(len(self.found[jump.place]) == len(TWO_SIDES) for jump in jumps.values()):
            self.settled.add(code)


def any_of(mask: torch.Tensor | bool) -> bool:
    return bool(torch.as_tensor(mask).any())


TRUTH = {
    "true": lambda result, *_: any_of(result != 0),
    "false": lambda result, *_: any_of(result == 0),
}
CHANGE = {
    "low": lambda result, given, *_: any_of(result > given),
    "high": lambda result, given, *_: any_of(result < given),
    "idle": lambda result, given, *_: any_of(result == given),
}
TESTS: dict[str, dict[str, Callable[..., bool]]] = {
    operator: {
        outcome: (TRUTH | CHANGE | {"equal": lambda _, given, other: any_of(given == other)})[
            outcome
        ]
        for outcome in expected
    }
    for operator, expected in OUTCOMES.items()
}


@functools.cache
def operator_of(func) -> str:
    """The key of OUTCOMES under which an operator of torch's is watched; "" if it is not."""
    name = func.overloadpacket.__name__
    name = "bool" if name == "_local_scalar_dense" else name.removesuffix("_")
    return name if name in OUTCOMES else ""


def clamping(min: object = None, max: object = None) -> str:  # noqa: A002 - torch's words
    """The operator that a clamp is which has one bound only."""
    return "clamp_max" if min is None else "clamp_min" if max is None else "clamp"


def own_files(engine: Engine) -> frozenset[str]:
    """Files outside baselines/, and not the harness's there, of what an engine is made of."""
    made = [engine.initial, engine.adopt, engine.observe, engine.stepper]
    made += [stage.build for stage in engine.stages]
    while partials := [f for f in made if isinstance(f, functools.partial)]:
        made = [f for f in made if f not in partials]
        made += [g for f in partials for g in (f.func, *f.args) if callable(g)]
    codes = (getattr(f, "__code__", None) for f in made)
    files = (code.co_filename for code in codes if code is not None)
    known = (ENGINES, f"{project.HARNESS / 'baselines'}/")
    return frozenset(file for file in files if not file.startswith(known))
