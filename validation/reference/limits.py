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

import ast
import contextlib
import dis
import functools
import itertools
import linecache
import re
import sys
from collections.abc import Callable, Iterable
from types import CodeType, FrameType
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode

import baselines
from baselines.engine import Case, Engine, State

ENGINES = str(baselines.HERE) + "/"
LONGEST, HEAD = 70, 24  # characters of source that are shown, and of them before a gap
DECOMPOSED = re.compile(r"\bis(finite|inf|nan)\b")  # by torch, into = and ≠
MOST = 1 << 15  # jumps that are followed in one call of a function; a loop may make millions
TWO_SIDES = ("true", "false")
ORDER = (*TWO_SIDES, "equal")
OUTCOMES = {
    **dict.fromkeys(("lt", "le", "gt", "ge"), ORDER),
    **dict.fromkeys(
        ("eq", "ne", "isfinite", "isinf", "isnan", "isposinf", "isneginf", "signbit"), TWO_SIDES
    ),
    **dict.fromkeys(("bool", "branch", "none"), TWO_SIDES),
    **dict.fromkeys(("clamp", "hardtanh", "remainder", "fmod"), ("low", "high", "idle")),
    **dict.fromkeys(("clamp_min", "relu", "leaky_relu", "elu", "maximum"), ("low", "idle")),
    **dict.fromkeys(("clamp_max", "minimum"), ("high", "idle")),
}


class Place(NamedTuple):
    """Where something is decided."""

    file: str  # within baselines/; of an engine that lies elsewhere, the whole path
    line: int
    operator: str  # a key of OUTCOMES
    text: str  # the source of the condition, or of the call

    def shown(self, engine: str = "") -> str:
        """``scheme.py:97 `r2 < width**2```; the folder only where it is not the engine's own."""
        word = " is None" if self.operator == "none" else ""
        return f"{self.file.removeprefix(f'{engine}/')}:{self.line} `{self.text}{word}`"


class Limits(dict[Place, frozenset[str]]):
    """Of each place that was met, the outcomes that were seen."""

    def __or__(self, other: Limits) -> Limits:
        return Limits({p: self.get(p, frozenset()) | other.get(p, frozenset())
                       for p in {**self, **other}})  # fmt: skip

    __ior__ = __or__  # a dict's own would forget what was seen before

    def plain(self) -> list[list]:
        """As JSON has it."""
        return [[*place, sorted(seen)] for place, seen in sorted(self.items())]

    @classmethod
    def of_plain(cls, rows: Iterable[list]) -> Limits:
        return cls({Place(*place): frozenset(seen) for *place, seen in rows})

    def reached(self) -> set[tuple[Place, str]]:
        """Each (place, outcome) that was seen."""
        return {(place, outcome) for place, seen in self.items() for outcome in seen}

    def expected(self) -> int:
        """How many outcomes there are."""
        return sum(len(outcomes(place)) for place in self)

    def missing(self) -> list[tuple[Place, str]]:
        """Each (place, outcome) that was not, in the order of the source."""
        return [
            (place, outcome)
            for place, seen in sorted(self.items())
            for outcome in outcomes(place)
            if outcome not in seen
        ]


def outcomes(place: Place) -> tuple[str, ...]:
    """All that can be expected there."""
    return OUTCOMES[place.operator]


class Jump(NamedTuple):
    """A conditional jump of the bytecode, and what it says of the condition."""

    place: Place
    at: int  # its offset
    beyond: int  # offset of the instruction that follows where it does not jump
    jumped: str
    stayed: str


class Plan(NamedTuple):
    """What is watched in one function."""

    jumps: dict[int, Jump]  # by offset
    refusals: frozenset[int]  # lines of conditions that lead to an error


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
    """Files outside baselines/ of the functions that an engine is made of."""
    made = [engine.initial, engine.adopt, engine.observe, engine.stepper]
    made += [stage.build for stage in engine.stages]
    while partials := [f for f in made if isinstance(f, functools.partial)]:
        made = [f for f in made if f not in partials]
        made += [g for f in partials for g in (f.func, *f.args) if callable(g)]
    codes = (getattr(f, "__code__", None) for f in made)
    files = (code.co_filename for code in codes if code is not None)
    return frozenset(file for file in files if not file.startswith(ENGINES))


def is_engine_source(file: str) -> bool:
    """Whether the file lies in the folder of some baseline: one may be built of another's parts."""
    folder, inner, _ = file.removeprefix(ENGINES).partition("/")
    return file.startswith(ENGINES) and bool(inner) and folder not in baselines.NOT_ENGINES


@functools.cache
def place_of(code: CodeType, at: int, operator: str) -> Place | None:
    """The place of an instruction; none where the compiler wrote no position."""
    line, text = source_of(code, at)
    if not text:
        return None
    short = text if len(text) <= LONGEST else f"{text[:HEAD]} … {text[HEAD - LONGEST :]}"
    if operator in ("eq", "ne") and (test := DECOMPOSED.search(text)):
        operator = test[0]
    return Place(code.co_filename.removeprefix(ENGINES), line, operator, short)


@functools.cache
def source_of(code: CodeType, at: int) -> tuple[int, str]:
    """First line and text of the source of an instruction; (0, "") where that is not known."""
    line, last, left, right = list(code.co_positions())[at // 2]
    if None in (line, last, left, right):
        return 0, ""
    rows = [linecache.getline(code.co_filename, n).encode() for n in range(line, last + 1)]
    rows[-1] = rows[-1][:right]
    rows[0] = rows[0][left:]
    return line, " ".join(b" ".join(rows).decode().split())


@functools.cache
def is_handed_on(code: CodeType, at: int) -> bool:
    """Whether all bounds of a call or a comparison are arguments of the function around it."""
    with contextlib.suppress(SyntaxError):
        found = ast.parse(source_of(code, at)[1], mode="eval").body
        given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        bounds = bounds_of(found)
        return bool(bounds) and all(isinstance(b, ast.Name) and b.id in given for b in bounds)
    return False


def bounds_of(found: ast.expr) -> list[ast.expr]:
    """What something is compared with, or kept within."""
    if isinstance(found, ast.Compare):
        return found.comparators
    if not isinstance(found, ast.Call):
        return []
    method = (
        isinstance(found.func, ast.Attribute) and getattr(found.func.value, "id", "") != "torch"
    )
    return [*found.args[0 if method else 1 :], *(word.value for word in found.keywords)]


@functools.cache
def plan_of(code: CodeType) -> Plan:
    """The conditional jumps of a function from both sides of which it can return."""
    instructions = list(dis.get_instructions(code))
    followers = followers_of(instructions)
    preceding: dict[int, list[int]] = {offset: [] for offset in followers}
    for offset, nexts in followers.items():
        for other in nexts:
            preceding[other].append(offset)
    leaving = {i.offset for i in instructions if i.opname in LEAVES}
    returning = closure(leaving, preceding.__getitem__)
    met = closure({instructions[0].offset}, followers.__getitem__)
    jumps, refusals = {}, set()
    telling = [i for i in instructions if i.opname not in SILENT]
    for before, here, after in zip(telling, telling[1:], telling[2:], strict=False):
        if not is_condition(here) or here.offset not in met & returning:
            continue
        if not returning.issuperset(followers[here.offset]):
            refusals |= lines(before)
        elif jump := jump_of(code, before, here, after.offset):
            jumps[here.offset] = jump
    return Plan(jumps, frozenset(refusals))


SILENT = {"CACHE", "EXTENDED_ARG", "PRECALL", "COPY", "TO_BOOL", "NOT_TAKEN", "NOP"}
LEAVES = {"RETURN_VALUE", "RETURN_CONST", "YIELD_VALUE", "RETURN_GENERATOR"}
ENDS = {"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"}
Followers = dict[int, tuple[int, ...]]  # offsets that may come next, that of no jump first


def is_condition(instruction: dis.Instruction) -> bool:
    """Whether it goes one way or the other by a value that it finds."""
    return "JUMP_IF_" in instruction.opname or "WARD_IF_" in instruction.opname


def followers_of(instructions: list[dis.Instruction]) -> Followers:
    """Which instructions may follow each; errors aside."""
    found: Followers = {}
    for here, after in itertools.zip_longest(instructions, instructions[1:]):
        target = (here.argval,) if here.opcode in dis.hasjrel or here.opcode in dis.hasjabs else ()
        goes_on = here.opname not in ENDS and not (target and is_certain(here))
        found[here.offset] = ((after.offset,) if goes_on and after else ()) + target
    return found


def is_certain(jump: dis.Instruction) -> bool:
    """Whether it always jumps."""
    return jump.opname.startswith(("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_ABSOLUTE"))


def closure(starts: set[int], neighbours: Callable[[int], Iterable[int]]) -> set[int]:
    """All that can be come to from there."""
    seen, waiting = set(), list(starts)
    while waiting:
        here = waiting.pop()
        if here not in seen:
            seen.add(here)
            waiting += neighbours(here)
    return seen


def lines(instruction: dis.Instruction) -> set[int]:
    """Of the source of an instruction."""
    where = instruction.positions
    return set(range(where.lineno, where.end_lineno + 1)) if where and where.lineno else set()


def jump_of(
    code: CodeType, before: dis.Instruction, here: dis.Instruction, beyond: int
) -> Jump | None:
    """What the jump says of the value that ``before`` left."""
    of_none = "NONE" in here.opname
    place = place_of(code, before.offset, "none" if of_none else "branch")
    positive = here.opname.endswith("IF_NONE") if of_none else "TRUE" in here.opname
    jumped, stayed = TWO_SIDES if positive else TWO_SIDES[::-1]
    return place and Jump(place, here.offset, beyond, jumped, stayed)
