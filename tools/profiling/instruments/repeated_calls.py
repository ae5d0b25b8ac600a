"""Functions that are called again with the same arguments and the same result.

Seen through `sys.setprofile`: calls of the program's own functions, and of library functions
written in Python straight from own lines, so it works on numpy as on torch. Operators
written as symbols (a * b) are no calls and are not seen here.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import types
from collections import defaultdict
from time import perf_counter

from groundspeed.tools.profiling.instruments.value_hash import Unknown, update
from groundspeed.tools.profiling.program.source_scope import Own

COUNTED = ("calls", "inclusive_s", "repeated", "repeated_s", "repeated_bytes")
GENERATORS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


class Calls:
    """A profile function that digests arguments and results, for at most ``budget_s``."""

    def __init__(self, own: Own, budget_s: float = 20.0):
        self.own, self.budget_s = own, budget_s
        self.rows = defaultdict(lambda: dict.fromkeys(COUNTED, 0))
        self.seen: dict[bytes, bytes] = {}
        self.open: dict[int, tuple] = {}
        self.spent = 0.0

    def __enter__(self) -> Calls:
        self.start = perf_counter()
        sys.setprofile(self.hook)
        return self

    def __exit__(self, *_) -> None:
        sys.setprofile(None)
        self.wall_s = perf_counter() - self.start - self.spent

    def hook(self, frame: types.FrameType, event: str, value: object) -> None:
        if event not in ("call", "return"):
            return
        before = perf_counter()
        if event == "call":
            self.called(frame, before)
        elif opened := self.open.pop(id(frame), None):
            self.returned(frame, value, opened, before)
        self.spent += perf_counter() - before

    def called(self, frame: types.FrameType, now: float) -> None:
        code, caller = frame.f_code, frame.f_back
        if caller is None or code.co_flags & GENERATORS or code.co_name.startswith("<"):
            return
        inside = self.own.is_own(code.co_filename)
        if not inside and not self.own.is_own(caller.f_code.co_filename):
            return
        key = None
        if self.spent < self.budget_s:
            try:
                total = hashlib.blake2b(f"{code.co_filename}{code.co_firstlineno}".encode())
                for name in arguments(code) + code.co_freevars:
                    if name in frame.f_locals:
                        update(total, frame.f_locals[name])
                key = total.digest()
            except (Unknown, RecursionError):
                pass
        self.open[id(frame)] = (key, caller, caller.f_lineno, now - self.spent, inside)

    def returned(self, frame, value, opened, now: float) -> None:
        key, caller, line, began, inside = opened
        row = self.rows[
            frame.f_code.co_qualname, frame.f_code.co_filename, frame.f_code.co_firstlineno,
            caller.f_code.co_filename, line, inside,
        ]  # fmt: skip
        took = now - self.spent - began
        row["calls"] += 1
        row["inclusive_s"] += took
        if key is None or value is None:
            return
        total, size = hashlib.blake2b(), [0]
        try:
            update(total, value, size)
        except (Unknown, RecursionError):
            return
        if self.seen.get(key) == total.digest():
            row["repeated"] += 1
            row["repeated_s"] += took
            row["repeated_bytes"] += size[0]
        self.seen[key] = total.digest()

    def found(self) -> dict:
        keys = ("function", "file", "first_line", "caller", "line", "own")
        rows = [dict(zip(keys, place, strict=True)) | dict(row) for place, row in self.rows.items()]
        return {"rows": rows, "wall_s": self.wall_s}


def arguments(code: types.CodeType) -> tuple[str, ...]:
    stars = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + stars]
