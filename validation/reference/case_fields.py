"""Fields of a case by their paths, nested dataclasses and tuples included; cases with some changed.

A path is a text such as "dt", "shape.0" or "bodies.position.1.0". Changes are plain data, so that
they can be filed and sent to a candidate's process: {path: value}, applied in their order, where a
value is a number, a text, None, a list for a tuple, the name of a torch dtype, {"like": CASE} for
what the named case of that engine holds at that path, or {"made": CLASS} for an object of a class
that the field is declared for, made without arguments.
"""

import dataclasses
import typing
from collections.abc import Iterator, Mapping
from functools import reduce

import torch

from groundspeed.baselines.engine import Case, replace

WORKING = ("steps", "device", "timed", "quick", "stored")  # of a case: no physics
LIKE, MADE = "like", "made"
Changes = dict[str, object]


def parts(value: object) -> Iterator[tuple[str, object]]:
    """Names and values of the fields of a dataclass, or of the entries of a tuple."""
    if isinstance(value, tuple):
        yield from ((str(i), entry) for i, entry in enumerate(value))
    elif dataclasses.is_dataclass(value):
        yield from ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value))


def everything(case: Case) -> Iterator[tuple[str, object]]:
    """(path, value) of every field of a case, from the outermost to the innermost."""
    for name, value in parts(case):
        if name not in WORKING:
            yield from below(name, value)


def below(path: str, value: object) -> Iterator[tuple[str, object]]:
    yield path, value
    for name, inner in parts(value):
        yield from below(f"{path}.{name}", inner)


def at(value: object, path: list[str]) -> object:
    """The value at a path.

    Raises:
        LookupError: there is nothing.
    """
    try:
        return reduce(entry, path, value)
    except (AttributeError, IndexError, ValueError):
        raise LookupError(f"{type(value).__name__} has no {'.'.join(path)}") from None


def entry(value: object, name: str) -> object:
    return value[int(name)] if isinstance(value, tuple) else getattr(value, name)


def changed(case: Case, changes: Mapping[str, object], cases: Mapping[str, Case]) -> Case:
    """The case with those changes, all made at once: two may be admitted together only.

    Args:
        cases: the named cases of its engine, to which a value may refer.

    Raises:
        LookupError: it holds nothing at a path.
        ValueError: it does not admit a value, and says what it allows.
    """
    new: dict[str, object] = {}
    for path, value in changes.items():
        name, *rest = path.split(".")
        whole = new.get(name, at(case, [name]))
        if isinstance(value, dict) and MADE in value:
            value = classes(case, path)[value[MADE]]()
        elif isinstance(value, dict):
            value = at(cases[value[LIKE]], [name, *rest])
        else:
            value = as_held(value, at(whole, rest))
        new[name] = put(whole, rest, value)
    return replace(case, **new)


def classes(case: Case, path: str) -> dict[str, type]:
    """The dataclasses that a field of the case itself is declared for, by their names."""
    kind = typing.get_type_hints(type(case)).get(path)
    return {c.__name__: c for c in typing.get_args(kind) if dataclasses.is_dataclass(c)}


def as_held(value: object, old: object) -> object:
    """Plain data as a case holds it in the place of the ``old`` value."""
    if isinstance(old, torch.dtype):
        return getattr(torch, value)
    return tuple(as_held(v, None) for v in value) if isinstance(value, list) else value


def put(whole: object, path: list[str], new: object) -> object:
    """``whole`` with what is new at that path."""
    if not path:
        return new
    name, *rest = path
    inner = put(entry(whole, name), rest, new)
    if isinstance(whole, tuple):
        place = int(name)
        return (*whole[:place], inner, *whole[place + 1 :])
    return replace(whole, **{name: inner})
