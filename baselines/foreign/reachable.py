"""What a call of a foreign function can reach: arguments, variables of modules, closures."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CodeType, FunctionType, ModuleType
from typing import Any

import torch

from groundspeed.baselines.foreign import numeric_leaves
from groundspeed.baselines.foreign.numeric_leaves import Place
from groundspeed.baselines.foreign.object_walk import CLOSED, Walk

MODULES = "modules"


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
    """Where the walk begins: arguments, the function's closure, and of each module the variables
    that the function, or one that it calls, names."""
    inner = inspect.unwrap(getattr(function, "__func__", function))
    inner = getattr(inner, "py_func", inner)
    code = getattr(inner, "__code__", None)
    cells = zip(code.co_freevars, inner.__closure__ or (), strict=False) if code else ()
    modules: dict[str, dict[str, Any]] = {}
    names: list[tuple[str, str]] = []
    for space, name in variables(inner, bound.arguments.values()):
        modules.setdefault(space["__name__"], space)
        names.append((space["__name__"], name))
    return {
        "arguments": bound.arguments,
        "closure": dict(cells),
        MODULES: modules,
        "names": names,
    }


def variables(function: Callable, given: Any) -> Iterator[tuple[dict, str]]:
    """(a module's variables, a name) of each variable that the function can come to: by its own
    code, that of functions and methods whose names it has, and of functions inside of it."""
    code = getattr(function, "__code__", None)
    waiting = [(code, function.__globals__)] if code else []
    classes = [type(value) for value in given]
    seen: set[int] = set()
    told: set[tuple[int, str]] = set()
    while waiting:
        code, space = waiting.pop()
        if id(code) in seen or "__name__" not in space:
            continue
        seen.add(id(code))
        waiting += [(c, space) for c in code.co_consts if isinstance(c, CodeType)]
        modules = [space[n] for n in code.co_names if isinstance(space.get(n), ModuleType)]
        spaces = [space, *(vars(m) for m in modules if is_own(m))]
        for name in code.co_names:
            holders = [getattr(c, name, None) for c in classes]
            for where in spaces:
                if name in where and not name.startswith("__"):
                    holders.append(where[name])
                    if (id(where), name) not in told:
                        told.add((id(where), name))
                        yield where, name
            for found in holders:
                waiting += [(f.__code__, f.__globals__) for f in functions(found)]


def functions(found: Any) -> list[FunctionType]:
    """The functions that a name stands for: one, or what making an object calls."""
    inner = inspect.unwrap(found) if callable(found) else found
    inner = getattr(inner, "__func__", inner)
    inner = getattr(inner, "py_func", inner)
    inner = getattr(inner, "__init__", None) if isinstance(inner, type) else inner
    own = isinstance(inner, FunctionType) and inner.__module__ is not None
    return [inner] if own and inner.__module__.split(".")[0] not in CLOSED else []


def is_own(module: ModuleType) -> bool:
    """Whether a module is somebody's own: neither Python's nor installed."""
    file = getattr(module, "__file__", None) or ""
    closed = module.__name__.split(".")[0] in CLOSED
    return bool(file) and "site-packages" not in file and not closed


def starts(root: dict[str, Any]) -> list[Place]:
    """Where the walk through all that a call can reach begins: not at a module's whole table."""
    return [
        (("item", "arguments"),),
        *((("item", "closure"), ("item", k), ("attr", "cell_contents")) for k in root["closure"]),
        *((("item", MODULES), ("item", module), ("item", name)) for module, name in root["names"]),
    ]


@dataclass
class Reach:
    """What a call could reach at one moment.

    Attributes:
        numbers: a copy of every number, by place.
        first: of an object that lies at several places, the first of them.
        left_out: why a place that holds numbers is not among them.
    """

    numbers: dict[Place, torch.Tensor] = field(default_factory=dict)
    first: dict[Place, Place] = field(default_factory=dict)
    left_out: dict[Place, str] = field(default_factory=dict)


def reach(root: dict[str, Any]) -> Reach:
    """All that a call can reach now."""
    walk, found, known = Walk(), Reach(), {}
    for start in starts(root):
        for place, value in walk.numbers(at(root, start), start):
            shared = numeric_leaves.is_shared(value)
            first, _ = known.setdefault(id(value), (place, value)) if shared else (place, value)
            if first is not place:
                found.first[place] = first
            same = found.numbers.get(first)
            found.numbers[place] = numeric_leaves.tensor(value) if same is None else same
    found.left_out = walk.left_out
    return found


def at(root: Any, place: Place) -> Any:
    """What lies there; None in a cell that is empty yet."""
    try:
        return numeric_leaves.get(root, place)
    except ValueError:
        return None
