"""The variables of a function at its end, read from its frame; no source is rewritten.

Only the entry of the call is watched, so nothing slows the call itself. Its frame is kept, and
Python leaves the variables in a frame that somebody keeps.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any


@contextmanager
def kept_locals(function: Callable, name: str, left: dict[str, Any]) -> Iterator[None]:
    """Put the variables of the first call of a function into ``left``, as they are at its end.

    Args:
        function: what is called, decorated or not.
        name: of the function inside, as its file defines it.
    """
    own, before = code_of(function), sys.getprofile()
    frames: list[FrameType] = []

    def entered(frame: FrameType, event: str, _) -> None:
        if event == "call" and own is not None and is_inside(frame.f_code, own, name):
            frames.append(frame)
            sys.setprofile(before)

    sys.setprofile(entered)
    try:
        yield
    finally:
        sys.setprofile(before)
        for frame in frames:
            left.update(frame.f_locals)


def code_of(function: Callable) -> CodeType | None:
    """The code of the innermost function that is known under decorators."""
    inner = inspect.unwrap(getattr(function, "__func__", function))
    return getattr(getattr(inner, "py_func", inner), "__code__", None)


def is_inside(code: CodeType, own: CodeType, name: str) -> bool:
    """Whether it is that function, or has its name where a decorator hides it."""
    if own.co_name == name:
        return code is own
    return code.co_name == name
