"""Memory settings of a process that judges: freed blocks, and objects made by imports."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def importing() -> Iterator[None]:
    """No garbage is looked for while torch is imported, nor ever among what it has made: it lives
    as long as the process, and half a million objects are gone through each time."""
    gc.disable()
    try:
        yield
    finally:
        keep_imported()


def keep_imported() -> None:
    """What is there now is left out of every later search for garbage, which goes on."""
    gc.freeze()
    gc.enable()
