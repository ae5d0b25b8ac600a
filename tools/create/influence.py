"""Which outputs depend on which of the program's own functions.

At some calls of a function what it returns, or changes of what it is given, is moved by a small
share. An output that no function moves holds inputs or constants: nothing that an optimization
could do shows in it.
"""

import ast
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time
from typing import Any

from groundspeed.baselines.engine import Case, Engine, State, fields
from groundspeed.baselines.foreign import numeric_leaves
from groundspeed.baselines.foreign.external_engine import COPIES, wrapped
from groundspeed.baselines.foreign.numeric_leaves import same
from groundspeed.baselines.foreign.object_walk import Walk
from groundspeed.baselines.foreign.outputs import LADDER
from groundspeed.baselines.foreign.reachable import bind, reach, roots
from groundspeed.tools.create.source_files import PACKAGES

SHARES = (1e-3, 1e-9)  # by which a result is moved: the smaller where the larger stops the program
SPENT_S = 2.0  # processor time for the functions one by one
STEPS = 2  # of a step function
MOST = 1 << 22  # values of one result that are moved


class Moved:
    """Moves the results of functions."""

    def __init__(self, share: float):
        self.share, self.calls = share, {}
        self.changed: set[str] = set()  # functions of which a result was moved

    def wrap(self, name: str, function: Callable) -> Callable:
        """The function, with what some of its calls give moved."""

        @functools.wraps(function)
        def moving(*args, **kwargs):
            count = self.calls[name] = self.calls.get(name, 0) + 1
            if count not in LADDER:
                return function(*args, **kwargs)
            given = roots(function, bind(function, args, kwargs))
            before = reach(given).numbers
            result = function(*args, **kwargs)
            held = {"result": result}
            done = self.move(held, snapshot(held))
            after = reach(given).numbers
            done |= self.move(given, {p: t for p, t in after.items()
                                      if p not in before or not same(t, before[p])})  # fmt: skip
            self.changed |= {name} if done else set()
            return held["result"]

        return moving

    def move(self, root: Any, numbers: dict) -> bool:
        """Whether any of the numbers could be moved."""
        taken: set[int] = set()
        done = False
        for place, value in numbers.items():
            if value.is_floating_point() or value.is_complex():
                least = value.abs().max() if value.numel() else 0.0
                given = value * (1 + self.share) + self.share * least
                try:
                    numeric_leaves.fill(root, place, given.to(value.dtype), taken)
                    done = True
                except (TypeError, AttributeError, ValueError):
                    continue  # what cannot be set is left as it is
        return done


def snapshot(root: Any) -> dict:
    """The numbers in an object, by place; nothing of a very large one."""
    found = {}
    for place, value in Walk().numbers(root):
        number = numeric_leaves.tensor(value)
        if number.numel() <= MOST and value is not None:
            found[place] = number
    return found


def own_functions(folder: Path, skip: tuple[str, ...]) -> list[str]:
    """ "module:function" of every function and method in the frozen sources but the step and what
    is run itself."""
    names = []
    for path in sorted((folder / COPIES).rglob("*.py")):
        parts = path.relative_to(folder / COPIES).with_suffix("").parts
        if parts[0] == PACKAGES or path.stem in ("conftest", "__init__"):
            continue
        inside = defined(ast.parse(path.read_bytes()).body, "")
        names += [name for what in inside if (name := f"{path.stem}:{what}") not in skip]
    return list(dict.fromkeys(names))


def defined(body: list[ast.stmt], outer: str) -> Iterator[str]:
    """Names of functions and methods, those inside of others left out."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from defined(node.body, f"{outer}{node.name}.")
        elif isinstance(node, ast.FunctionDef) and may_be_moved(node):
            yield f"{outer}{node.name}"


def may_be_moved(node: ast.FunctionDef) -> bool:
    """Whether it is bound by its name alone: no property, fixture or compiled function."""
    return not node.decorator_list and not node.name.startswith(("__", "test_"))


def moved_by(
    engine: Engine, case: Case, folder: Path, skip: tuple[str, ...], end: State, steps: int
) -> dict[str, list[str]] | None:
    """Of each output the functions that move it; None where nothing could be tried."""
    names = own_functions(folder, skip)
    together = tried(engine, case, names, steps)
    if together is None:
        return None
    _, called, one = together
    fields_moved = differing(one, end)
    found: dict[str, list[str]] = {name: [] for name in fields(end) if name not in COUNTERS}
    if not called:
        return None
    begun = process_time()
    for name in called if len(called) > 1 else ():
        if process_time() - begun > SPENT_S:
            break
        alone = tried(engine, case, [name], steps)
        for field in differing(alone[2], end) if alone else ():
            if field in found:
                found[field].append(name)
    for field in fields_moved:
        if field in found and not found[field]:
            found[field] = [called[0] if len(called) == 1 else "several functions together"]
    return found


COUNTERS = ("runs", "calls")


def tried(engine: Engine, case: Case, names: list[str], steps: int) -> tuple | None:
    """(share, functions of which results were moved, end) of a run; None where every such run
    stops."""
    for share in SHARES:
        moved = Moved(share)
        wraps = {n: functools.partial(moved.wrap, n) for n in names}
        try:
            end = wrapped(engine, wraps, absent=True).runner(case)(engine.initial(case), steps)
        except Exception:  # whatever it raises: its results were not to its liking
            continue
        return share, [n for n in names if n in moved.changed], end
    return None


def differing(one: State, other: State) -> list[str]:
    pairs = zip(one._fields, one, other, strict=True)
    return [name for name, a, b in pairs if not same(a, b)]
