"""Numbers inside foreign objects: where they lie, what they are as tensors, and how to set them.

A place is a tuple of keys, each ("item", key) or ("attr", name), from a root downwards. A
number is an array of numpy, a tensor, a Python or numpy scalar, or a list of Python numbers
(lists of lists too). numpy is never imported here: who has its arrays has imported it.
"""

import sys
from collections.abc import Iterator
from typing import Any

import torch

Place = tuple[tuple[str, Any], ...]

DEPTH = 7  # of the walk through objects
MANY = 4096  # entries of a container that are looked at
SCALARS = {bool: torch.bool, int: torch.int64, float: torch.float64, complex: torch.complex128}


def is_array(value: object) -> bool:
    """Whether it is an array of numpy, or one of its scalars, that holds numbers."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.ndarray | numpy.generic):
        return False
    return value.dtype.kind in "biufc" and value.dtype.itemsize <= (
        16 if value.dtype.kind == "c" else 8
    )


def is_number(value: object) -> bool:
    """Whether the value as a whole has a tensor that says all of it."""
    if isinstance(value, torch.Tensor):
        return value.layout is torch.strided
    if type(value) is int:
        return -(1 << 63) <= value < 1 << 63
    return type(value) in SCALARS or is_array(value) or is_list(value)


def is_list(value: object) -> bool:
    """Whether it is a list of Python numbers of one type, or of such lists of one length."""
    if type(value) is not list or not value:
        return False
    first = value[0]
    if type(first) in (int, float):
        return all(type(x) is type(first) and is_number(x) for x in value)
    return type(first) is list and all(
        is_list(x) and len(x) == len(first) and type(x[0]) is type(first[0]) for x in value
    )


def tensor(value: Any) -> torch.Tensor:
    """A copy of a number as a tensor on the CPU."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().resolve_conj().resolve_neg().contiguous().clone()
    if is_array(value):
        numpy = sys.modules["numpy"]
        array = numpy.array(value, order="C", copy=True)
        if array.dtype.kind == "u" and array.dtype.itemsize > 1:  # torch does little with these
            array = array.astype(numpy.int64)
        return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))
    inner = value
    while type(inner) is list:
        inner = inner[0]
    return torch.tensor(value, dtype=SCALARS[type(inner)])


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether type, shape and every bit agree."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return one.numel() == 0 or torch.equal(as_bytes(one), as_bytes(other))


def as_bytes(one: torch.Tensor) -> torch.Tensor:
    flat = one.contiguous().reshape(-1)
    return (torch.view_as_real(flat).reshape(-1) if flat.is_complex() else flat).view(torch.uint8)


def numbers(value: Any, place: Place = (), seen: set[int] | None = None) -> Iterator:
    """(place, value) of every number in an object, each object visited once."""
    seen = set() if seen is None else seen
    if is_number(value):
        yield place, value
        return
    if id(value) in seen or len(place) >= DEPTH:
        return
    seen.add(id(value))
    for key, inner in parts(value):
        yield from numbers(inner, (*place, key), seen)


def parts(value: Any) -> list[tuple[tuple[str, Any], Any]]:
    """What a container or an object of somebody's class holds."""
    if isinstance(value, dict):
        named = [(("item", k), v) for k, v in value.items() if isinstance(k, str | int)]
    elif isinstance(value, list | tuple):
        named = [(("item", k), v) for k, v in enumerate(value)]
    elif isinstance(value, type) or type(value).__module__.split(".")[0] in CLOSED:
        return []
    else:
        slots = [s for c in type(value).__mro__ for s in getattr(c, "__slots__", ()) or ()]
        held = {s: getattr(value, s) for s in slots if isinstance(s, str) and hasattr(value, s)}
        held |= getattr(value, "__dict__", {})
        named = [(("attr", k), v) for k, v in held.items() if isinstance(k, str)]
    return named[:MANY]


CLOSED = (sys.stdlib_module_names - {"types", "__main__"}) | {"numpy"}


def get(root: Any, place: Place) -> Any:
    """What lies there.

    Raises:
        KeyError, IndexError, AttributeError: nothing does.
    """
    for how, key in place:
        root = root[key] if how == "item" else getattr(root, key)
    return root


def put(root: Any, place: Place, value: Any) -> None:
    """Bind the place to the value; a tuple on the way is made anew."""
    holder, (how, key) = get(root, place[:-1]), place[-1]
    if isinstance(holder, tuple):
        items = [value if n == key else item for n, item in enumerate(holder)]
        put(root, place[:-1], type(holder)(*items) if hasattr(holder, "_fields") else tuple(items))
    elif how == "item":
        holder[key] = value
    else:
        object.__setattr__(holder, key, value)


def put_like(root: Any, place: Place, given: torch.Tensor) -> None:
    """Bind the place to the tensor, as what lies there is."""
    put(root, place, like(get(root, place), given))


def fill(root: Any, place: Place, given: torch.Tensor, taken: set[int]) -> None:
    """Make the number at the place equal to the tensor.

    Arrays are overwritten, so that whoever else holds them or a view of them sees it; one that
    was overwritten already in this round (``taken``, by identity) gets a copy of its own.
    """
    here = get(root, place)
    if (isinstance(here, torch.Tensor) or is_array(here)) and id(here) not in taken:
        taken.add(id(here))
        if overwrite(here, given):
            return
    put(root, place, like(here, given))


def overwrite(here: Any, given: torch.Tensor) -> bool:
    """Whether the array could take the values in its own memory."""
    if tuple(here.shape) != tuple(given.shape):
        return False
    if isinstance(here, torch.Tensor):
        with torch.no_grad():
            here.copy_(given)
        return True
    if not getattr(getattr(here, "flags", None), "writeable", False) or not here.ndim:
        return False
    here[...] = given.numpy().astype(here.dtype, copy=False)
    return True


def like(pattern: Any, given: torch.Tensor) -> Any:
    """The tensor as what the pattern is: array, tensor, scalar or list."""
    if isinstance(pattern, torch.Tensor):
        return given.to(pattern.device, pattern.dtype).clone().requires_grad_(pattern.requires_grad)
    if is_array(pattern):
        array = given.numpy().astype(pattern.dtype)
        return array if hasattr(pattern, "__setitem__") and pattern.ndim else array[()]
    return given.tolist()
