"""Every torch operator: place, calls, bytes, arithmetic, and repeats.

Counts are exact and do not depend on the load of the machine. A compiled function runs
eagerly under a dispatch mode, so its counts are those of the eager program; kernels of
numba or of a library called through pointers are not seen.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from time import perf_counter

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_iter
from torch.utils.flop_counter import flop_registry

from tools.profiling.instruments.array_hash import of_array
from tools.profiling.program.source_scope import Own

SYNCS = {
    "_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "_unique2",
    "unique_dim", "unique_consecutive", "item",
}  # fmt: skip
REDUCTIONS = {
    "sum", "mean", "amax", "amin", "max", "min", "any", "all", "prod", "cumsum", "norm", "var",
    "std", "argmax", "argmin", "linalg_vector_norm", "dot", "count_nonzero", "bincount",
}  # fmt: skip
COPIES = {"clone", "copy_", "_to_copy", "fill_", "zero_", "where", "roll", "cat", "index", "stack"}
TRANSFORMS = {"_fft_c2c": 5.0, "_fft_r2c": 2.5, "_fft_c2r": 2.5}  # operations / (N log2 N)
EMPTY = {
    "empty",
    "empty_like",
    "empty_strided",
    "new_empty",
    "new_empty_strided",
    "detach",
    "alias",
}
COUNTED = (
    "launches", "read", "written", "flops", "allocations", "allocated", "syncs", "transfers",
    "hashed", "repeated", "repeated_bytes",
)  # fmt: skip
LARGE = 4096  # bytes; a smaller result may be equal by chance


class UnknownOperator(Exception):
    """A value whose content cannot be told."""


def extent(tensor: torch.Tensor) -> int:
    """Bytes that the tensor really covers: expanded dimensions count once."""
    sizes = (
        zip(tensor.shape, tensor.stride(), strict=True) if tensor.layout is torch.strided else ()
    )
    shape = [n for n, stride in sizes if stride] if tensor.numel() else [0]
    return math.prod(shape) * tensor.element_size()


class RepeatedOperators(TorchDispatchMode):
    """Tally by (operator, file, line); hashes inputs while ``hash_s`` seconds of it last."""

    def __init__(self, own: Own, hash_s: float = 20.0):
        super().__init__()
        self.own, self.hash_s = own, hash_s
        self.rows = defaultdict(lambda: dict.fromkeys(COUNTED, 0))
        self.seen: set[bytes] = set()
        self.launches = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func.overloadpacket.__name__
        inputs, written = operands(func, args, kwargs)
        out = func(*args, **kwargs)
        outputs = [t for t in tree_iter(out) if isinstance(t, torch.Tensor)]
        if not (is_view(func) or name in EMPTY - {"empty", "new_empty"}):
            self.tally(func, name, inputs, written, outputs, (args, kwargs, out))
        return out

    def tally(self, func, name, inputs, written, outputs, call) -> None:
        place = self.own.line(3)
        file, line = place or ("", 0)
        row = self.rows[name, file, line]
        fresh = [t for t in outputs if not any(t is w for w in written)]
        self.launches += 1
        row["launches"] += 1
        row["read"] += sum(map(extent, {id(t): t for t in inputs}.values()))
        row["written"] += sum(map(extent, outputs or written))
        row["flops"] += operations(func, name, inputs, outputs, call)
        row["allocations"] += len(fresh)
        row["allocated"] += sum(map(extent, fresh))
        row["syncs"] += name in SYNCS or (name == "index" and has_mask(call[0]))
        devices = {t.device.type for t in [*inputs, *outputs, *written]}
        row["transfers"] += len(devices) > 1 and name in ("_to_copy", "copy_")
        size = sum(map(extent, outputs))
        told = any(t.dtype is not torch.bool for t in outputs)  # masks are alike where all hold
        if size < LARGE or not told or name in EMPTY:
            return
        key = self.key(func, *call[:2], written)
        if key is not None:
            row["hashed"] += 1
            row["repeated"] += key in self.seen
            row["repeated_bytes"] += size * (key in self.seen)
            self.seen.add(key)

    def key(self, func, args, kwargs, written) -> bytes | None:
        """Digest of the operator and all that it reads, which it left as it was; none where
        chance or effects decide."""
        if self.hash_s <= 0 or written or torch.Tag.nondeterministic_seeded in func.tags:
            return None
        before = perf_counter()
        total = hashlib.blake2b(str(func).encode(), digest_size=16)
        try:
            for value in tree_iter((args, kwargs)):
                total.update(content(value))
        except (UnknownOperator, TypeError, RuntimeError):
            return None
        finally:
            self.hash_s -= perf_counter() - before
        return total.digest()

    def found(self) -> list[dict]:
        return [
            {"operator": name, "file": file, "line": line, **{k: int(v) for k, v in row.items()}}
            for (name, file, line), row in self.rows.items()
        ]


def operands(func, args, kwargs) -> tuple[list, list]:
    """Tensors that the operator reads, and those that it writes into."""
    read, written = [], []
    for place, argument in enumerate(func._schema.arguments):
        value = args[place] if place < len(args) else kwargs.get(argument.name)
        found = [t for t in tree_iter(value) if isinstance(t, torch.Tensor)]
        writes = argument.alias_info is not None and argument.alias_info.is_write
        if writes:
            written += found
        fills = func.overloadpacket.__name__ in ("copy_", "fill_", "zero_")
        if not writes or not (argument.kwarg_only or fills):
            read += found
    return read, written


def is_view(func) -> bool:
    """Whether the result is only another look at an argument."""
    returned = func._schema.returns
    return bool(returned) and all(r.alias_info and not r.alias_info.is_write for r in returned)


def operations(func, name, inputs, outputs, call) -> float:
    """Floating-point operations: of products and transforms exactly, else one an element."""
    args, kwargs, out = call
    if func.overloadpacket in flop_registry:
        return flop_registry[func.overloadpacket](*args, **kwargs, out_val=out)
    if name in TRANSFORMS:
        n = max(t.numel() for t in [*inputs, *outputs])
        dims = args[1] if len(args) > 1 else range(inputs[0].ndim)
        points = math.prod(max(inputs[0].shape[d], outputs[0].shape[d]) for d in dims) or 1
        return TRANSFORMS[name] * n * math.log2(max(points, 2))
    if name in COPIES or not outputs:
        return 0.0
    if name.rstrip("_") in REDUCTIONS:
        return float(sum(t.numel() for t in inputs))
    if torch.Tag.pointwise in func.tags:
        return float(sum(t.numel() for t in outputs))
    return 0.0


def has_mask(args) -> bool:
    indices = args[1] if len(args) > 1 else ()
    return any(isinstance(t, torch.Tensor) and t.dtype is torch.bool for t in indices or ())


def content(value) -> bytes:
    """Bytes that tell values apart."""
    if not isinstance(value, torch.Tensor):
        return repr(value).encode()
    if value.layout is not torch.strided or value.is_meta:
        raise UnknownOperator
    with _disable_current_modes():
        flat = value.detach().cpu().resolve_conj().resolve_neg()
        if flat.dtype is torch.bfloat16:
            flat = flat.view(torch.int16)
        return of_array(flat.numpy())
