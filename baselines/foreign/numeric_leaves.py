"""Numbers inside foreign objects, as tensors, and how they are set.

A place is a tuple of keys, each ("item", key), ("attr", name) or ("nth", position of a value in a
dictionary), from a root downwards. A number is an array of numpy, a tensor, a Python or numpy
scalar, a list of Python numbers (lists of lists too), or the state of a random generator. numpy is
never imported here: who has its arrays has imported it.
"""

import sys
from typing import Any

import torch

from groundspeed.baselines.foreign import generator_states
from groundspeed.baselines.foreign.generator_states import is_generator

Place = tuple[tuple[str, Any], ...]

DENSE = 1 << 22  # values of a sparse tensor, written out
SCALARS = {bool: torch.bool, int: torch.int64, float: torch.float64, complex: torch.complex128}
TIMES = "mM"  # kinds of numpy's dates and durations, which are whole numbers


def is_array(value: object) -> bool:
    """Whether it is an array of numpy, or one of its scalars, that holds numbers."""
    numpy = sys.modules.get("numpy")
    if numpy is None or not isinstance(value, numpy.ndarray | numpy.generic):
        return False
    kind, size = value.dtype.kind, value.dtype.itemsize
    return kind in "biufc" + TIMES and size <= (16 if kind == "c" else 8)


def is_number(value: object) -> bool:
    """Whether the value as a whole has a tensor that says all of it."""
    if isinstance(value, torch.Tensor):
        dense = value.layout is torch.strided or value.numel() <= DENSE
        return dense and not value.is_quantized and value.device.type != "meta"
    if type(value) is int:
        return -(1 << 63) <= value < 1 << 63
    if type(value) in SCALARS or is_array(value) or is_list(value):
        return True
    return is_generator(value)


def is_list(value: object) -> bool:
    """Whether it is a list of Python numbers of one type, or of such lists of one length."""
    if type(value) is not list or not value:
        return False
    first = value[0]
    if type(first) in (int, float, complex, bool):
        return all(type(x) is type(first) and is_number(x) for x in value)
    return type(first) is list and all(
        is_list(x) and len(x) == len(first) and type(x[0]) is type(first[0]) for x in value
    )


def is_shared(value: object) -> bool:
    """Whether it is an object that several places can hold, and whose numbers can change in it."""
    return isinstance(value, torch.Tensor) or is_array(value) and hasattr(value, "flags")


def tensor(value: Any) -> torch.Tensor:
    """A copy of a number as a tensor on the CPU."""
    if isinstance(value, torch.Tensor):
        dense = value.detach().cpu()
        dense = dense if dense.layout is torch.strided else dense.to_dense()
        return dense.resolve_conj().resolve_neg().contiguous().clone()
    if is_array(value):
        numpy = sys.modules["numpy"]
        array = numpy.array(value, order="C", copy=True)
        if array.dtype.kind in TIMES or (array.dtype.kind == "u" and array.dtype.itemsize > 1):
            array = array.astype(numpy.int64)  # torch does little with unsigned numbers
        return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))
    if is_generator(value):
        return generator_states.words(value)
    inner = value
    while type(inner) is list:
        inner = inner[0]
    return torch.tensor(value, dtype=SCALARS[type(inner)])


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether type, shape and every bit agree."""
    if one is other:
        return True
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return one.numel() == 0 or torch.equal(as_bytes(one), as_bytes(other))


def as_bytes(one: torch.Tensor) -> torch.Tensor:
    flat = one.contiguous().reshape(-1)
    return (torch.view_as_real(flat).reshape(-1) if flat.is_complex() else flat).view(torch.uint8)


def key_of(key: Any) -> Any:
    """A key as the program has it: in files, tuples are lists."""
    return tuple(map(key_of, key)) if isinstance(key, list) else key


def get(root: Any, place: Place) -> Any:
    """What lies there.

    Raises:
        KeyError, IndexError, AttributeError: nothing does.
    """
    for how, key in place:
        if how == "attr":
            root = getattr(root, key)
        elif how == "nth":
            root = list(root.values())[key]
        else:
            root = root[key_of(key)]
    return root


def put(root: Any, place: Place, value: Any) -> None:
    """Bind the place to the value; a tuple on the way is made anew."""
    holder, (how, key) = get(root, place[:-1]), place[-1]
    if isinstance(holder, tuple):
        items = [value if n == key else item for n, item in enumerate(holder)]
        put(root, place[:-1], type(holder)(*items) if hasattr(holder, "_fields") else tuple(items))
    elif how == "attr":
        object.__setattr__(holder, key, value)
    elif how == "nth":
        holder[list(holder)[key]] = value
    else:
        holder[key_of(key)] = value


def put_like(root: Any, place: Place, given: torch.Tensor) -> None:
    """Bind the place to the tensor, as what lies there is."""
    put(root, place, like(get(root, place), given))


def fill(root: Any, place: Place, given: torch.Tensor, taken: set[int]) -> None:
    """Make the number at the place equal to the tensor.

    Arrays are overwritten, so that whoever else holds them or a view of them sees it; one that
    was overwritten already in this round (``taken``, by identity) gets a copy of its own.
    """
    here = get(root, place)
    if is_generator(here):
        generator_states.put(here, given)
        return
    if is_shared(here) and id(here) not in taken:
        taken.add(id(here))
        if overwrite(here, given):
            return
    put(root, place, like(here, given))


def overwrite(here: Any, given: torch.Tensor) -> bool:
    """Whether the array could take the values in its own memory."""
    if tuple(here.shape) != tuple(given.shape):
        return False
    if isinstance(here, torch.Tensor):
        if here.layout is not torch.strided:
            return False
        with torch.no_grad():
            here.copy_(given)
        return True
    if not getattr(getattr(here, "flags", None), "writeable", False):
        return False
    here[...] = given.numpy().astype(here.dtype, copy=False)
    return True


def like(pattern: Any, given: torch.Tensor) -> Any:
    """The tensor as what the pattern is: array, tensor, scalar or list."""
    if isinstance(pattern, torch.Tensor):
        made = given.to(pattern.device, pattern.dtype).clone()
        made = made if pattern.layout is torch.strided else made.to_sparse(layout=pattern.layout)
        return made.requires_grad_(pattern.requires_grad)
    if is_array(pattern):
        array = given.numpy().astype(pattern.dtype)
        return array if hasattr(pattern, "__setitem__") and pattern.ndim else array[()]
    if is_generator(pattern):
        generator_states.put(pattern, given)
        return pattern
    return given.tolist()


def marks(values: torch.Tensor) -> torch.Tensor:
    """Where numbers are not finite, and how: 0 finite, 1 NaN, 2 infinite, 3 minus infinite."""
    if values.is_complex():
        return torch.view_as_real(values).isfinite().logical_not().to(torch.uint8)
    kinds = (torch.isnan(values), torch.isposinf(values), torch.isneginf(values))
    return sum(number * kind.to(torch.uint8) for number, kind in enumerate(kinds, 1))


def without_marks(values: torch.Tensor) -> torch.Tensor:
    """The numbers, with zero in place of those that are not finite."""
    return torch.where(torch.isfinite(values), values, torch.zeros_like(values))


def with_marks(values: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """Real numbers as they were before `without_marks`."""
    for number, what in enumerate((float("nan"), float("inf"), -float("inf")), 1):
        values = torch.where(kinds == number, what, values)
    return values
