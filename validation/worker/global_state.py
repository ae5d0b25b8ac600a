"""Process global state, which a candidate must leave as it was."""

import builtins
import gc
import importlib
import json
import os
import re
import sys
from collections.abc import Iterator
from functools import cached_property

import torch

from groundspeed.baselines.engine import State
from groundspeed.validation.records import digests

# Functions of libraries that measure, compare or store, beside every one of the harness.
KEY = {
    torch: "allclose equal isclose isnan isfinite abs max empty empty_like zeros Tensor",
    torch.Tensor: "__eq__ __sub__ abs max item clone copy_ numpy data_ptr equal",
    torch.testing: "assert_close",
    torch.cuda: "synchronize is_available",
    importlib.import_module(
        "time"
    ): "time time_ns perf_counter perf_counter_ns process_time process_time_ns monotonic",
    gc: "collect disable enable get_objects get_referrers",
    json: "dumps loads",
    os: "replace _exit fork getpid write read",
    builtins: "print open sum max min abs isinstance __import__",
}
HARNESS = re.compile(
    r"groundspeed(\.(validation|tools)(\..+)?|\.baselines(\.engine|\.device)?|\.project|\.short_names)?$"
)
DESCRIPTORS = (property, classmethod, staticmethod, cached_property)
FLOATS = (torch.float32, torch.float64)
POISONED = 1 << 21  # elements; larger blocks come fresh from the system and hold zeros
BLOCKS = 3  # of each field's size


class Functions:
    """The key functions, and all of the harness that are in this process, as they are now."""

    def __init__(self):
        self.key, self.own = key_functions(), list(functions_of_the_harness())

    def patched(self) -> list[str]:
        """Those that are another object by now, or have other code, in words."""
        now = key_functions()
        found = [name for name, one in self.key.items() if now[name] is not one]
        found += [
            f"{owner.__name__}.{name}"
            for owner, names, name, one, inner, code in self.own
            if names.get(name) is not one or getattr(inner, "__code__", None) is not code
        ]
        return [f"{name} is patched" for name in found]


def key_functions() -> dict[str, object]:
    """Of libraries, by name."""
    return {
        f"{getattr(owner, '__name__', owner)}.{name}": getattr(owner, name)
        for owner, names in KEY.items()
        for name in names.split()
    }


def functions_of_the_harness() -> Iterator[tuple]:
    """(module or class, its names, name, function, what of it has code, the code), with functions
    that a module has of others."""
    for module in [m for name, m in sorted(sys.modules.items()) if HARNESS.match(name)]:
        classes = [one for one in vars(module).values() if isinstance(one, type)]
        for owner in (module, *(one for one in classes if one.__module__ == module.__name__)):
            for name, one in vars(owner).items():
                if callable(one) or isinstance(one, DESCRIPTORS):
                    inner = getattr(one, "__func__", getattr(one, "__wrapped__", one))
                    yield owner, vars(owner), name, one, inner, getattr(inner, "__code__", None)


def settings() -> dict[str, object]:
    """Global state that a candidate must not change."""
    return {
        "number of threads": torch.get_num_threads(),
        "number of threads between operators": torch.get_num_interop_threads(),
        "default dtype": str(torch.get_default_dtype()),
        "default device": str(torch.get_default_device()),
        "matrix precision": torch.get_float32_matmul_precision(),
        "deterministic mode": torch.are_deterministic_algorithms_enabled(),
        "denormals": [flushes(dtype) for dtype in FLOATS],
        "rounding mode": [rounds(dtype) for dtype in FLOATS],
        "gradient mode": torch.is_grad_enabled(),
        "garbage collection": gc.isenabled(),
        "standard output": os.fstat(1).st_ino,
        "random state": digests.of_bytes(torch.get_rng_state().numpy().tobytes()),
    }


def flushes(dtype: torch.dtype) -> list[bool]:
    """Whether a subnormal number is taken for zero, and whether a subnormal result becomes zero."""
    tiny = torch.finfo(dtype).tiny
    given = torch.tensor([tiny / 4, tiny], dtype=dtype)
    factor = torch.tensor([4.0, 0.25], dtype=dtype)
    return [bool(x) for x in given * factor == 0]


def rounds(dtype: torch.dtype) -> list[float]:
    """In units in the last place, by how much sums exceed 1, -1 and 1 by whose rounding modes
    differ: half a unit up, half a unit down, three quarters up."""
    unit = torch.finfo(dtype).eps
    one = torch.tensor([1.0, -1.0, 1.0], dtype=dtype)
    more = torch.tensor([unit / 2, -unit / 2, unit * 0.75], dtype=dtype)
    return [(x - y) / unit for x, y in zip((one + more).tolist(), one.tolist(), strict=True)]


def changed(before: dict[str, object]) -> list[str]:
    """Settings that changed, by name."""
    return [key for key, value in settings().items() if value != before[key]]


def unusable(dtype: torch.dtype) -> float | int:
    """A value that shows wherever it is used: NaN, or the furthest integer."""
    if dtype.is_floating_point or dtype.is_complex:
        return float("nan")
    limits = torch.iinfo(dtype)
    return limits.min if limits.min < 0 else limits.max


def poison(state: State) -> None:
    """Fills freed blocks with NaN and with integers that are no valid index."""
    blocks = []
    for tensor in state:
        if 0 < tensor.numel() <= POISONED and tensor.dtype != torch.bool:
            count = tensor.numel()
            blocks += [
                torch.full((count,), unusable(tensor.dtype), dtype=tensor.dtype)
                for _ in range(BLOCKS)
            ]
    del blocks


def with_layout(tensor: torch.Tensor, layout: str) -> torch.Tensor:
    """The same values in another layout: offset by one element, or every second element.

    The gaps hold NaN, or integers that are no valid index.
    """
    if not layout or tensor.numel() == 0:
        return tensor
    shape = tensor.shape
    wide = (*shape[:-1], 2 * shape[-1]) if tensor.ndim else (2,)
    count = tensor.numel() + 2 if layout == "offset" else 2 * tensor.numel()
    block = torch.zeros(count, dtype=tensor.dtype)
    if tensor.dtype != torch.bool:
        block.fill_(unusable(tensor.dtype))
    if layout == "offset":
        view = block[1:-1].view(shape)
    else:
        view = block.view(wide)[..., ::2] if tensor.ndim else block[:1].view(())
    return view.copy_(tensor)
