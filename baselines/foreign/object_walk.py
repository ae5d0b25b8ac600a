"""The walk through foreign objects: every number in them by its place, and what it passes over."""

import sys
from collections import deque
from collections.abc import Iterator
from numbers import Number
from types import FunctionType, ModuleType
from typing import Any

import torch

from groundspeed.baselines.foreign.generator_states import is_generator
from groundspeed.baselines.foreign.numeric_leaves import DENSE, Place, is_number

DEPTH = 8  # of the walk through objects
MANY = 1 << 16  # entries of a container that are looked at
CLOSED = (sys.stdlib_module_names - {"types", "__main__"}) | {"numpy", "numba", "llvmlite"}
PLAIN_KEYS = str | int | float | None


class Walk:
    """Walks through objects, each container visited once.

    Attributes:
        left_out: why a place that holds numbers was passed over.
    """

    def __init__(self):
        self.seen: set[int] = set()
        self.left_out: dict[Place, str] = {}

    def numbers(self, value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
        """(place, value) of every number in an object."""
        if is_number(value):
            yield place, value
            if isinstance(value, torch.nn.Parameter) and value.grad is not None:
                yield (*place, ("attr", "grad")), value.grad
            return
        if why := passed_over(value):
            self.left_out[place] = why
            return
        if id(value) in self.seen:
            return
        self.seen.add(id(value))
        inside = parts(value)
        if len(inside) > MANY:
            self.left_out[place] = f"holds {len(inside)} entries; allowed {MANY}"
        elif inside and len(place) >= DEPTH:
            self.left_out[place] = f"lies {len(place)} levels deep; allowed {DEPTH}"
        else:
            for key, inner in inside:
                yield from self.numbers(inner, (*place, key))


def passed_over(value: Any) -> str:
    """Why something that holds numbers is none that can be compared; "" of all else."""
    if isinstance(value, torch.Tensor):
        what = "is quantized" if value.is_quantized else f"is sparse, of more than {DENSE} values"
        return "has no values" if value.device.type == "meta" else what
    if type(value) is int:
        return "is a whole number beyond 64 bits"
    if isinstance(value, set | frozenset):
        numbers = any(isinstance(held, Number) for held in list(value)[:1])
        return "is a set, which has no order" if numbers else ""
    if is_numpy(value) and value.dtype.names is None and value.dtype.kind in "biufc":
        return f"has type {value.dtype}, which torch does not have"
    if isinstance(value, Number) and type(value).__module__.split(".")[0] in CLOSED:
        return f"is a {type(value).__name__}, which no tensor holds" if not is_numpy(value) else ""
    return ""


def is_numpy(value: Any) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray | numpy.generic)


def parts(value: Any) -> list[tuple[tuple[str, Any], Any]]:
    """What a container or an object of somebody's class holds."""
    if isinstance(value, dict):
        return [(key_place(k, n), v) for n, (k, v) in enumerate(value.items())]
    if isinstance(value, list | tuple | deque):
        return [(("item", n), v) for n, v in enumerate(value)]
    if is_numpy(value):
        return array_parts(value)
    if isinstance(value, FunctionType):  # what a function keeps as its own attributes
        held = vars(value).items()
        return [(("attr", k), v) for k, v in held if not k.startswith("__")]
    if isinstance(value, type | ModuleType) or is_generator(value):
        return []
    if type(value).__module__.split(".")[0] in CLOSED:
        return []
    declared = [vars(c).get("__slots__", ()) for c in type(value).__mro__]
    slots = [s for names in declared if isinstance(names, tuple | list) for s in names]
    held = {s: getattr(value, s) for s in slots if isinstance(s, str) and hasattr(value, s)}
    held |= getattr(value, "__dict__", {})
    return [(("attr", k), v) for k, v in held.items() if isinstance(k, str)]


def key_place(key: Any, position: int) -> tuple[str, Any]:
    """How the value of a key is found again: by the key if a file can hold it."""
    return ("item", key) if may_be_filed(key) else ("nth", position)


def may_be_filed(key: Any) -> bool:
    if isinstance(key, tuple):
        return all(map(may_be_filed, key))
    return isinstance(key, PLAIN_KEYS)


def array_parts(value: Any) -> list[tuple[tuple[str, Any], Any]]:
    """The columns of a record array; the entries of an array of objects."""
    if value.dtype.names is not None:
        return [(("item", name), value[name]) for name in value.dtype.names]
    if value.dtype.kind != "O" or not hasattr(value, "flat"):
        return []
    every = sys.modules["numpy"].ndindex(value.shape)
    return [(("item", index if len(index) > 1 else index[0]), value[index]) for index in every
            if index]  # fmt: skip
