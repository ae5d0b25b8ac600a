"""What a process that compares large fields does with the memory it frees."""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, MMAP_MAX, ARENA_MAX = -1, -4, -8  # of mallopt, <malloc.h>
KEPT_BYTES = 1 << 30
# In the environment of a new process, where the system gives large pages to those that ask: a
# gigabyte of them is cleared in a third of the time.
LARGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


def keep_freed() -> None:
    """Take freed blocks again instead of handing each back to the system.

    A temporary of many megabytes is else mapped, cleared page by page and unmapped at every
    operator. For judging only; what is timed keeps the allocator that its users have. Where
    the C library has no `mallopt` nothing changes.
    """
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is None:
        return
    for parameter, value in ((ARENA_MAX, 1), (MMAP_MAX, 0), (TRIM_THRESHOLD, KEPT_BYTES)):
        tune(parameter, value)
