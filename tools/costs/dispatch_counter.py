"""Counts the work of a step by source line, through torch's dispatch.

Every count is a whole number that comes out the same on a busy machine and on a quiet one,
with a GPU and without. Inside native kernels (numba, C++) there is nothing to count, and a
compiled region is one opaque thing: what the compiler is given is counted apart.
"""

import linecache
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from groundspeed import project
from groundspeed.baselines.engine import Case, Engine, clone
from groundspeed.tools.costs import operator_cost
from groundspeed.tools.costs.cost_summary import COLUMNS, Count, Line

CALLS = 2  # counted, after as many to warm up, where the trajectory has them
# our own frames are nobody's cost
APART = tuple(
    f"{project.HARNESS / part}{os.sep}" for part in ("groundspeed", "tools", "validation")
)
# Calls that hand values to the host and that a tensor which is there already lets pass unseen.
HOST = {Tensor.cpu: "cpu", Tensor.numpy: "numpy", Tensor.__array__: "numpy",
        Tensor.tolist: "tolist"}  # fmt: skip


class Operators(TorchDispatchMode):
    """Adds every operator to the line that called it; the only counter of operators.

    Who counts for another purpose says otherwise which files are `place`s, and has a line for each
    operator, or an eager program's counts where a compiler would have it.
    """

    by_operator = False  # whether operators of one line are told apart
    compiled_apart = True  # whether what a compiler has is in no other column

    def __init__(self):
        super().__init__()
        self.lines, self.places = {}, {}
        self.made: set[int] = set()  # storages made since counting began
        self.taken: dict[int, int] = {}  # bytes read of those that were there before

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        line, compiled = self.line(sys._getframe(1), operator_cost.name(func))
        kind = operator_cost.waits(func, args, kwargs)
        if kind:
            line.waits[kind] = line.waits.get(kind, 0) + 1
        if operator_cost.is_free(func):
            return result
        if compiled and self.compiled_apart:
            line.compiled += 1
        else:
            self.add(line, func, args, kwargs, result)
        return result

    def add(self, line: Line, func, args, kwargs, result) -> None:
        reads, writes = operator_cost.accesses(func, args, kwargs, result)
        new = operator_cost.fresh(func, args, kwargs, result)
        line.operators += operator_cost.name(func) not in operator_cost.EMPTY
        line.read += sum(size for _, size in reads)
        line.written += sum(size for _, size in writes)
        line.flops += operator_cost.flops(func, args, kwargs, result)
        line.allocations += len(new)
        line.allocated += sum(t.untyped_storage().nbytes() for t in new)
        for tensor, size in reads:
            storage = tensor.untyped_storage().data_ptr()
            if storage not in self.made:
                self.taken[storage] = max(size, self.taken.get(storage, 0))
        self.made.update(t.untyped_storage().data_ptr() for t, _ in writes)

    def line(self, frame, operator: str) -> tuple[Line, bool]:
        """The innermost line in a place of ours, and whether a compiler has its code."""
        found, compiled = None, False
        while frame is not None:
            code = frame.f_code
            place = self.place(code.co_filename)
            if found is None and place:
                found = (place, frame.f_lineno, code.co_filename)
            compiled |= code.co_name == "compile_wrapper" and "_dynamo" in code.co_filename
            frame = frame.f_back
        place, number, file = found or ("outside", 0, "")
        key = (place, number, operator if self.by_operator else "")
        if key not in self.lines:
            text = linecache.getline(file, number).strip() if file else ""
            self.lines[key] = Line(where=f"{place}:{number}", text=text)
        return self.lines[key], compiled

    def place(self, file: str) -> str:
        """The file's path from the project; "" for files outside, and for our own."""
        if file not in self.places:
            inside = project.covers(Path(file)) and "site-packages" not in file
            own = inside and not file.startswith(APART)
            self.places[file] = project.place_of(Path(file)) if own else ""
        return self.places[file]


class HostAccess(TorchFunctionMode):
    """Adds the calls that only a GPU would feel, since on the host they move nothing."""

    def __init__(self, counter: Operators):
        super().__init__()
        self.counter = counter

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kind = HOST.get(func) or ("cpu" if func is Tensor.to else "")
        if kind:
            line, _ = self.counter.line(sys._getframe(1), kind)
            if func is not Tensor.to or "cpu" in line.text:
                line.waits[kind] = line.waits.get(kind, 0) + 1
        return func(*args, **(kwargs or {}))


@contextmanager
def counting(counter: Operators) -> Iterator[None]:
    """Every operator and every access of the host to a tensor goes to the counter."""
    with torch.compiler.set_stance("force_eager"), counter, HostAccess(counter):
        yield  # compiled code is told apart by its frames


def counted(engine: Engine, case: Case, calls: int = CALLS) -> tuple[Count, Operators]:
    """The costs of some steps of a case, after some that are not counted."""
    there_are = max(1, case.steps // engine.stride)
    with torch.compiler.set_stance("force_eager"):
        step = engine.prepare(case)
        state = engine.adopt(case, clone(engine.initial(case)))
        for _ in range(min(CALLS, there_are - 1)):
            state = step(state)
    calls = min(calls, max(1, there_are - CALLS))
    counter = Operators()
    with counting(counter):
        for _ in range(calls):
            state = step(state)
    lines = sorted(counter.lines.values(), key=lambda line: line.where)
    lines = [line for line in lines if any(getattr(line, column) for column in COLUMNS)]
    return Count(steps=calls * engine.stride, opaque=engine.opaque, lines=lines), counter


def count(engine: Engine, case: Case) -> Count:
    return counted(engine, case)[0]
