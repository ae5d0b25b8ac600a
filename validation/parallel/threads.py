"""Threads that judge several candidates of one case at once."""

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import torch


def workers(count: int) -> ThreadPoolExecutor:
    """Threads in which torch itself takes one thread: the number is each thread's own."""
    return ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))


class shared(cached_property):  # noqa: N801  (used as a decorator)
    """A cached property of an object with a ``lock``, which only one thread computes."""

    def __get__(self, owner, kind=None):
        with owner.lock:
            return super().__get__(owner, kind)
