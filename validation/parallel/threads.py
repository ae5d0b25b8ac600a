"""Thread pool for large fields."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch


def workers(count: int) -> ThreadPoolExecutor:
    """Threads in which torch itself takes one thread: the number is each thread's own."""
    return ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))
