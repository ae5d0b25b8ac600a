"""Places of an engine's own sources at which something is decided, and the outcomes seen there.

Branches in Python are conditional jumps of the bytecode, whose positions name their place.
"""

from __future__ import annotations

import ast
import contextlib
import dis
import functools
import itertools
import linecache
import re
from collections.abc import Callable, Iterable
from types import CodeType
from typing import NamedTuple

from groundspeed import project
from groundspeed.short_names import CONTRACT

ENGINES = str(project.ROOT / "baselines") + "/"
LONGEST, HEAD = 70, 24  # characters of source that are shown, and of them before a gap
DECOMPOSED = re.compile(r"\bis(finite|inf|nan)\b")  # by torch, into = and ≠
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


def is_engine_source(file: str) -> bool:
    """Whether the file lies in the folder of some baseline: one may be built of another's parts."""
    folder, inner, _ = file.removeprefix(ENGINES).partition("/")
    return file.startswith(ENGINES) and bool(inner) and folder not in CONTRACT


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
