"""Outputs of a whole run: the numbers that are compared."""

import ast
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import torch

from groundspeed.baselines.foreign import numeric_leaves
from groundspeed.baselines.foreign.live_step import MARKS
from groundspeed.baselines.foreign.outputs import (
    CallWatch,
    Rows,
    field_name,
    numbers_left,
    outputs,
    public,
    stacked,
)
from groundspeed.baselines.foreign.sandbox import Broken

SINGLE = bool | int | float | complex


def chosen(
    left: Mapping[str, Any],
    watches: Collection[CallWatch],
    wanted: Collection[str],
    ignored: Mapping[str, str],
    constants: Collection[str] = (),
) -> dict:
    """The numbers asked for, or those of watched calls, or else all arrays and floats; of these no
    variable that is one of the ``constants``.

    Raises:
        Broken: the run leaves no number of a name that was asked for, or none that can be compared.
    """
    left_out: dict[str, str] = {}
    rows = numbers_left(left, left_out)
    found = outputs(left, watches)
    if wanted:
        named = {n: v for n, v in found.items() if any(starts(n, w) for w in wanted)}
        for name in wanted:
            refuse_absent(name, named, found, left_out)
        left_out |= dict.fromkeys(set(found) - set(named), "was not asked for")
    elif watches:
        named = {n: [v] for w in watches for n, v in w.stacked().items()}
        left_out |= dict.fromkeys(set(found) - set(named), "is not of a watched call")
    else:
        named = plain_outputs(rows, left_out, constants)
    for name in [n for n in named if any(starts(n, i) for i in ignored)]:
        why = next(why for i, why in ignored.items() if starts(name, i))
        left_out[name] = f"was to be left out: {why}"
        del named[name]
    fields: dict[str, torch.Tensor] = {}
    for name, numbers in named.items():
        fields |= finite_parts(name, stacked(numbers), left_out)
    return {"step": None, "fields": fields, "start": {}, "tables": {}, "seen": {}, "windows": {},
            "left_out": left_out}  # fmt: skip


def refuse_absent(
    name: str, named: Collection[str], found: Mapping, left_out: Mapping[str, str]
) -> None:
    """Raise where nothing that can be compared has the name."""
    if any(starts(n, name) for n in named):
        return
    for other, why in left_out.items():
        if starts(other, name):
            raise Broken(f"--output {name}: it {why}, so it cannot be compared; it leaves "
                         f"{sorted(found)[:12]}")  # fmt: skip
    raise Broken(f"the run leaves no number {name!r}; it leaves {sorted(found)[:12]}")


def finite_parts(name: str, value: torch.Tensor, left_out: dict[str, str]) -> dict:
    """The number as fields: where some of it is not finite, that is a decision of its own."""
    if not value.numel():
        left_out[name] = "is empty"
        return {}
    finite = torch.isfinite(value)
    if finite.all():
        return {name: value}
    if value.is_complex() or not finite.any():
        left_out[name] = "is not finite"
        return {}
    return {name + MARKS: numeric_leaves.marks(value), name: numeric_leaves.without_marks(value)}


def starts(name: str, wanted: str) -> bool:
    """Whether a number is the one asked for, or lies inside of it."""
    return f"{name}_".startswith(f"{field_name((('item', wanted),))}_")


def plain_outputs(
    rows: Rows, left_out: dict[str, str], constants: Collection[str] = ()
) -> dict[str, list[Any]]:
    """Arrays that variables hold, else those inside objects, and floats that variables hold;
    without arrays all floats; nothing private, and no constant if there is anything else. What
    its owner calls ``_`` is thrown away, and nobody needs to hear of it."""
    shown = {name: row for name, row in rows.items() if public(row[0][0])}
    large = {name: numbers for name, (_, numbers) in shown.items() if is_large(numbers)}
    floats = {n: v for n, (_, v) in shown.items() if isinstance(v[0], float | complex)}
    held = {n for n, (places, _) in shown.items() if all(how != "attr" for how, _ in places[0])}
    fixed = {n for n in floats if variable(shown[n][0][0]) in constants}
    computed = {n: v for n, v in floats.items() if n not in fixed}
    flat = {name: large[name] for name in large if name in held}
    single = {n: v for n, v in computed.items() if n in held and n not in large}
    found = (flat or large) | single if large else computed or floats
    for name in set(rows) - set(found):
        if not str(rows[name][0][0][0][1]).strip("_"):
            continue
        why = "is a single number beside arrays" if name not in large else "lies inside an object"
        why = "is a constant of the program's text" if name in fixed else why
        left_out[name] = why if name in shown else "has a private name"
    return found


def variable(place: numeric_leaves.Place) -> str:
    """The variable in which a number lies, without the test that has left it."""
    return str(place[0][1]).rpartition(".")[2]


def text_constants(source: bytes) -> set[str]:
    """Variables to which a program gives nothing but numbers that its text spells out."""
    nodes = list(ast.walk(ast.parse(source)))
    bound = Counter(n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    spelled = Counter(
        target.id for n in nodes if isinstance(n, ast.Assign | ast.AnnAssign)
        for target, value in pairs(n)
        if isinstance(target, ast.Name) and is_spelled_out(value)
    )  # fmt: skip
    return {name for name, count in spelled.items() if count == bound[name]}


def pairs(node: ast.Assign | ast.AnnAssign) -> list[tuple[ast.expr, ast.expr]]:
    """What is bound to what, a tuple by its members."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    rows = [(target, node.value) for target in targets if node.value]
    return [
        pair for target, value in rows
        for pair in (zip(target.elts, value.elts, strict=False)
                     if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
                     else [(target, value)])
    ]  # fmt: skip


def is_spelled_out(value: ast.expr) -> bool:
    """Whether it is made of numbers and arithmetic alone."""
    arithmetic = ast.Constant | ast.BinOp | ast.UnaryOp | ast.operator | ast.unaryop
    return all(isinstance(node, arithmetic) for node in ast.walk(value))


def is_large(numbers: list[Any]) -> bool:
    return len(numbers) > 1 or not isinstance(numbers[0], SINGLE)
