"""Process global state, which a candidate must leave as it was."""

import builtins
import gc
import importlib
import json
import os

import torch

from baselines.engine import State
from validation.records import digests

# Functions that measure, compare or store: one that is another object afterwards was patched.
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
    importlib.import_module("validation.records.tensor_files"): "save load",
    importlib.import_module("validation.records.digests"): "of_state bits of_bytes",
    importlib.import_module("baselines.engine"): "clone fields Engine",
}
POISONED = 1 << 21  # elements; larger blocks come fresh from the system and hold zeros
BLOCKS = 3  # of each field's size


def originals() -> dict[str, object]:
    """The key functions, by name, as they are now."""
    return {
        f"{getattr(owner, '__name__', owner)}.{name}": getattr(owner, name)
        for owner, names in KEY.items()
        for name in names.split()
    }


def settings() -> dict[str, object]:
    """Global state that a candidate must not change."""
    return {
        "number of threads": torch.get_num_threads(),
        "number of threads between operators": torch.get_num_interop_threads(),
        "default dtype": str(torch.get_default_dtype()),
        "default device": str(torch.get_default_device()),
        "matrix precision": torch.get_float32_matmul_precision(),
        "deterministic mode": torch.are_deterministic_algorithms_enabled(),
        "denormals": flushes(),
        "gradient mode": torch.is_grad_enabled(),
        "garbage collection": gc.isenabled(),
        "standard output": os.fstat(1).st_ino,
        "random state": digests.of_bytes(torch.get_rng_state().numpy().tobytes()),
    }


def flushes() -> bool:
    """Whether subnormal numbers are flushed to zero."""
    return float(torch.tensor(1e-310, dtype=torch.float64) * 1.0) == 0.0


def changed(before: dict[str, object], functions: dict[str, object]) -> list[str]:
    """Settings that changed, by name, and functions that were patched."""
    here = settings()
    patched = [f"{name} is patched" for name, f in originals().items() if f is not functions[name]]
    return [key for key, value in here.items() if value != before[key]] + patched


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
