"""Environment variables of the processes that the tools start."""

from __future__ import annotations

import os

from tools.records.conditions import ALLOCATOR

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def environment(threads: int = 1) -> dict[str, str]:
    """Of a process that is timed: so many threads, and memory that others have not upset."""
    counts = dict.fromkeys(THREADS, str(threads))
    return ALLOCATOR | os.environ | counts | {"PYTHONHASHSEED": "0"}
