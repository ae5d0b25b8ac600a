"""Counts the calls of functions that stand in for a program's own.

Only a process that judges counts: `start` is called there. One that times calls them bare.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager

calls: dict[str, int] = {}  # by name, of the steps alone: what prepares them is not compared
UNCOUNTED = -1  # a class is put in place as it is
state = {"counting": False, "in a step": False}


def start() -> None:
    """Count from here on."""
    state["counting"] = True


@contextmanager
def a_step() -> Iterator[None]:
    """Calls within are those of a step."""
    before, state["in a step"] = state["in a step"], True
    try:
        yield
    finally:
        state["in a step"] = before


def counted(name: str, function: Callable) -> Callable:
    """The function; in a process that counts, one that counts its calls."""
    if not state["counting"]:
        return function
    if isinstance(function, type):
        calls[name] = UNCOUNTED
        return function
    calls.setdefault(name, 0)

    def wrapped(*args, **kwargs):
        calls[name] += state["in a step"]
        return function(*args, **kwargs)

    return functools.update_wrapper(wrapped, function)
