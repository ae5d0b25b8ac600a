"""Memory settings of a process that judges: freed blocks, and objects made by imports."""

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
    """Reuse freed blocks instead of returning each to the system.

    A temporary of many megabytes is otherwise mapped, cleared page by page and unmapped at every
    operator. For judging only: timed processes keep their users' allocator settings. Does nothing
    if the C library has no `mallopt`.
    """
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is None:
        return
    for parameter, value in ((ARENA_MAX, 1), (MMAP_MAX, 0), (TRIM_THRESHOLD, KEPT_BYTES)):
        tune(parameter, value)


@contextmanager
def importing() -> Iterator[None]:
    """Disables garbage collection during imports and excludes imported objects from it: torch makes
    half a million objects that live as long as the process."""
    gc.disable()
    try:
        yield
    finally:
        keep_imported()


def keep_imported() -> None:
    """gc.freeze() live objects; enable the collector."""
    gc.freeze()
    gc.enable()
