"""Cost of one operator, computed from its schema, arguments and result.

Conventions. A view moves nothing and launches nothing. An operator reads each of its tensor
arguments once and writes each of its results once; what it keeps inside is not seen. A
dimension of stride 0 is one element long. `out=` is written and not read, `x.add_(y)` reads
and writes x. Gathers read as much of their source as they return, scatters write as much of
their target as they are given.

Floating-point operations: matrix products and convolutions as `torch.utils.flop_counter`
has them, 2 a multiply-add (4 times that for complex numbers); 5 N log₂ N for a complex and
2.5 N log₂ N for a real Fourier transform of N points (J. W. Cooley and J. W. Tukey, Math.
Comp. 19, 297 (1965), doi:10.1090/S0025-5718-1965-0178586-1); one for each element that a
pointwise operator makes or a reduction takes, whatever its function; none for copies, choices
and comparisons.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from groundspeed.validation.reference.random_rounding import rounds

EMPTY = {"empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided"}
FREE = {
    "_unsafe_view",
    "_reshape_alias",
    "detach",
    "lift_fresh",
    "lift",
    "resize_",
    "set_",
    "alias",
}
OVERWRITING = {
    "copy_", "zero_", "fill_", "uniform_", "normal_", "random_", "bernoulli_", "exponential_",
}  # fmt: skip
GATHERS = {"index", "index_select", "gather", "take", "embedding", "masked_select"}
SCATTERS = {"index_put_", "_index_put_impl_", "scatter_", "scatter_add_", "scatter_reduce_",
            "index_add_", "index_copy_", "index_fill_", "put_"}  # fmt: skip
WAITING = {
    "_local_scalar_dense": "item",
    "equal": "equal",
    "is_nonzero": "bool",
    "nonzero": "nonzero",
    "masked_select": "masked_select",
    "_unique": "unique",
    "_unique2": "unique",
    "unique_dim": "unique",
    "unique_consecutive": "unique",
    "bincount": "bincount",
    "_linalg_check_errors": "linalg",
}
COMPLEX = {"mul": 6, "mul_": 6, "div": 6, "div_": 6}  # of an element; others take 2
INNER = {"native_layer_norm": 5, "_softmax": 3, "_log_softmax": 3}  # for each element taken


def name(func) -> str:
    """Of the operator, without its overload: ``add_``."""
    return func.overloadpacket.__name__


def tensors(tree: object) -> list[Tensor]:
    """All that have strides; of another layout's elements nothing is known."""
    leaves = tree_leaves(tree)
    return [t for t in leaves if isinstance(t, Tensor) and t.layout is torch.strided]


def is_free(func) -> bool:
    """Whether it only says otherwise what is there already."""
    return func.is_view or name(func) in FREE


def extent(tensor: Tensor) -> int:
    """Bytes of the elements that a tensor really has."""
    pairs = zip(tensor.shape, tensor.stride(), strict=True)
    distinct = math.prod(n for n, stride in pairs if stride) if tensor.numel() else 0
    return min(distinct * tensor.element_size(), tensor.untyped_storage().nbytes())


def arguments(func, args: tuple, kwargs: dict) -> Iterator[tuple[object, object]]:
    """(schema, value) of each argument that was given."""
    schema = func._schema.arguments
    yield from zip(schema, args, strict=False)
    by_name = {argument.name: argument for argument in schema}
    yield from ((by_name[key], value) for key, value in kwargs.items())


def is_written(argument) -> bool:
    return argument.alias_info is not None and argument.alias_info.is_write


def fresh(func, args: tuple, kwargs: dict, result: object) -> list[Tensor]:
    """Results that own new storage."""
    given = {t.untyped_storage()._cdata for t in tensors((args, kwargs))}
    if is_free(func):
        return []
    return [t for t in tensors(result) if t.untyped_storage()._cdata not in given and t.numel()]


def accesses(func, args: tuple, kwargs: dict, result: object) -> tuple[list, list]:
    """(reads, writes): the tensors and how many bytes of each."""
    if name(func) in EMPTY:
        return [], []
    reads, writes = {}, {}
    for argument, value in arguments(func, args, kwargs):
        for tensor in tensors(value):
            place = (tensor.data_ptr(), tensor.shape, tensor.stride())
            if is_written(argument):
                writes[place] = (tensor, extent(tensor))
            if not is_written(argument) or not (argument.is_out or name(func) in OVERWRITING):
                reads[place] = (tensor, extent(tensor))
    for tensor in fresh(func, args, kwargs, result):
        writes[(tensor.data_ptr(), tensor.shape, tensor.stride())] = (tensor, extent(tensor))
    return narrowed(func, args, list(reads.values()), list(writes.values()))


def narrowed(func, args: tuple, reads: list, writes: list) -> tuple[list, list]:
    """Gathers and scatters touch a part of their first argument only."""
    if name(func) in GATHERS:
        touched = sum(size for _, size in writes)
        reads = [(t, min(size, touched) if t is args[0] else size) for t, size in reads]
    elif name(func) in SCATTERS:
        touched = scattered(func, args) * args[0].element_size()
        adds = "add" in name(func) or "reduce" in name(func) or any(a is True for a in args[3:4])
        reads = [(t, touched * adds if t is args[0] else size) for t, size in reads]
        writes = [(t, touched if t is args[0] else size) for t, size in writes]
    return reads, writes


def scattered(func, args: tuple) -> int:
    """Elements of the target that a scatter writes to."""
    if "index_put" in name(func):
        return torch.ops.aten.index.Tensor(args[0], args[1]).numel()
    if name(func) in ("index_add_", "index_copy_", "index_fill_"):
        return args[0].numel() // max(args[0].shape[args[1]], 1) * args[2].numel()
    return max(t.numel() for t in tensors(args[1:]))


def flops(func, args: tuple, kwargs: dict, result: object) -> int:
    """Floating-point operations, as the conventions above have them."""
    made = [t for t in tensors(result) if t.is_floating_point() or t.is_complex()]
    if not made:
        return 0
    packet, first = func.overloadpacket, made[0]
    if packet in flop_registry:
        count = flop_registry[packet](*args, **kwargs, out_val=result)
        return int(count) * (4 if first.is_complex() else 1)
    if "_fft_" in name(func):
        return transform(func, args, first)
    if not rounds(func):
        return 0
    pointwise = torch.Tag.pointwise in func.tags or not isinstance(args[0], Tensor)
    taken = first if pointwise else args[0]
    each = COMPLEX.get(name(func), 2) if taken.is_complex() else INNER.get(name(func), 1)
    return taken.numel() * each


def transform(func, args: tuple, made: Tensor) -> int:
    """5 N log₂ N for each complex transform of N points, half of it for a real one."""
    real = name(func) != "_fft_c2c"
    whole = made if name(func) == "_fft_c2r" else args[0]
    points = math.prod(whole.shape[axis] for axis in args[1])
    return round((2.5 if real else 5) * whole.numel() * math.log2(max(points, 2)))


def waits(func, args: tuple, kwargs: dict) -> str:
    """What makes the host wait for a GPU here, on whatever device this runs; "" for nothing."""
    called = name(func)
    if called in WAITING:
        return WAITING[called]
    if called in ("index", "index_put_", "_index_put_impl_", "index_put"):
        masks = [i for i in args[1] if i is not None and i.dtype in (torch.bool, torch.uint8)]
        fills = called != "index" and len(args[1]) == 1 and args[2].numel() == 1
        return "boolean mask" if masks and not fills else ""
    if called == "repeat_interleave" and kwargs.get("output_size") is None:
        return "repeat_interleave"
    if called in ("_to_copy", "copy_") and crosses(func, args, kwargs):
        return "transfer"
    return ""


def crosses(func, args: tuple, kwargs: dict) -> bool:
    """Whether data go from one device to another, and the host waits until they are there."""
    if name(func) == "_to_copy":
        target = kwargs.get("device")
        return target is not None and torch.device(target) != args[0].device
    return args[0].device != args[1].device
