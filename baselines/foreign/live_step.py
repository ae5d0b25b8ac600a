"""A foreign program stopped at a call of its step function, and stepped on from there."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch.utils._python_dispatch import _get_current_dispatch_mode

from groundspeed.baselines.engine import State
from groundspeed.baselines.foreign import call_counts, numeric_leaves
from groundspeed.baselines.foreign.program import run
from groundspeed.baselines.foreign.reachable import bind, roots, starts
from groundspeed.baselines.foreign.sandbox import Boundaries, Broken, Sandbox, kept_randomness, sow
from groundspeed.baselines.foreign.snapshot import Snapshot

MARKS = "_not_finite"  # ending of the field that says where another is not finite


class Reached(BaseException):
    """The program came to the call of its step function that it is stopped at."""


class Live:
    """A program stopped at a call of its step function, with the arguments in hand.

    ``step`` is what `tools.create.step_rule` found; ``tables`` what is set for each call, of which
    the first row is that of call number ``first``.
    """

    def __init__(
        self, sandbox: Sandbox, step: dict, wraps: Mapping[str, Callable], tables: dict, first: int
    ):
        self.sandbox, self.tables, self.first, self.caught = sandbox, tables, first, None
        self.fields, self.random, self.skip = step["fields"], step["random"], step["skip"]
        self.made, self.stopping, self.owner = 0, True, None
        name = step["name"]
        new = wraps.get(name, lambda old: old)
        boundaries = Boundaries({**wraps, name: lambda old: self.stop(new(old))})
        try:
            run(sandbox, boundaries, sandbox.program.seed)
        except BaseException:
            if self.caught is None:
                raise
        self.stopping = False
        if self.caught is None:
            raise Broken(f"the program never comes to call {self.skip + 1} of {name}")
        boundaries.keep(sandbox.own)
        self.boundaries = boundaries
        self.function, args, kwargs, self.gradients, self.inference = self.caught
        self.bound = bind(self.function, args, kwargs)
        self.root = roots(self.function, self.bound)
        self.given = [f for f in self.fields if f["how"] in ("returned", "carried", "input")]
        self.args, self.kwargs = self.bound.args, self.bound.kwargs
        with self.mode():
            self.snapshot = Snapshot(numeric_leaves.get(self.root, p) for p in starts(self.root))

    def stop(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def stopped(*args, **kwargs):
            if not self.stopping:  # the step calls itself, or somebody else does
                return function(*args, **kwargs)
            if self.caught is None and self.made < self.skip:
                sow(self.sandbox.program.seed + self.made)
                self.made += 1
                return function(*args, **kwargs)
            if self.caught is None:
                modes = torch.is_grad_enabled(), torch.is_inference_mode_enabled()
                self.caught = (function, args, kwargs, *modes)
            raise Reached

        return stopped

    def mode(self):
        if self.inference:
            return torch.inference_mode()
        return torch.set_grad_enabled(self.gradients)

    def take(self, state: State) -> None:
        """Put a state into the program's own objects."""
        taken: set[int] = set()
        values = state._asdict()
        self.calls = int(values.pop("calls", 0))
        self.values, self.result, self.carried = values, None, {}
        with self.mode():
            self.snapshot.restore()
            for field in self.fields:
                if field["how"] == "kept":
                    given = self.whole(field, values)
                    for place, part in zip(field["places"], pieces(field, given), strict=True):
                        with what_is_kept(field):
                            numeric_leaves.fill(self.root, place, part, taken)

    def whole(self, field: dict, values: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The numbers of a field, with those that are not finite; rounded where all is."""
        given = rounded(values[field["name"]])
        if field["marks"]:
            given = numeric_leaves.with_marks(given, values[field["name"] + MARKS])
        return given

    def bind_next(self) -> None:
        """Set what the caller sets before a call: from the last call, a table, or the state."""
        new = {}
        for field in self.given:
            place = field["places"][0]
            if self.values is not None:
                held = numeric_leaves.get(self.root, place)
                new[field["name"]] = numeric_leaves.like(held, self.whole(field, self.values))
            elif field["how"] == "returned":
                new[field["name"]] = numeric_leaves.get(self.result, field["result"])
            elif field["how"] == "carried":
                new[field["name"]] = self.carried[field["name"]]
            else:
                held = numeric_leaves.get(self.root, place)
                new[field["name"]] = numeric_leaves.like(held, rounded(self.row(field)))
        for field in self.given:
            numeric_leaves.put(self.root, field["places"][0], new[field["name"]])
        self.values = None

    def row(self, field: dict) -> torch.Tensor:
        """What the caller gives to the next call; after the last that was seen, the same."""
        table = self.tables[field["name"]]
        return table[min(self.calls - self.first, len(table) - 1)]

    def advance(self) -> None:
        """One call."""
        if self.given:
            self.bind_next()
            self.args, self.kwargs = self.bound.args, self.bound.kwargs
        self.values = None
        carried = {f["name"]: self.source(f) for f in self.fields if f["how"] == "carried"
                   and f["source"][0] == "before"}  # fmt: skip
        around = self.boundaries.in_place() if self.boundaries.placed else nullcontext()
        with self.mode(), self.sandbox.with_modules(), around, call_counts.a_step():
            if self.random:
                with kept_randomness():
                    sow(self.sandbox.program.seed + self.calls)
                    self.result = self.function(*self.args, **self.kwargs)
            else:
                self.result = self.function(*self.args, **self.kwargs)
        self.carried = carried | {
            f["name"]: self.source(f) for f in self.fields if f["how"] == "carried"
            and f["source"][0] == "after"}  # fmt: skip
        self.calls += 1

    def source(self, field: dict) -> Any:
        """What a call leaves to the next at another place: the object, or a copy of what it was."""
        _, place, copied = field["source"]
        held = numeric_leaves.get(self.root, place)
        return numeric_leaves.like(held, numeric_leaves.tensor(held)) if copied else held

    def give(self, state: type) -> State:
        """The canonical state, copied out of the program's objects."""
        values = {}
        for field in self.fields:
            with what_is_kept(field):
                found = rounded(self.now(field))
            if field["marks"]:
                values[field["name"] + MARKS] = numeric_leaves.marks(found)
                found = numeric_leaves.without_marks(found)
            values[field["name"]] = found
        if "calls" in state._fields:
            values["calls"] = torch.tensor(self.calls)
        return state(**values)

    def now(self, field: dict) -> torch.Tensor:
        """A field as it is after a call."""
        how = field["how"]
        if how == "input":
            return self.row(field).clone()
        if how == "carried":
            return numeric_leaves.tensor(self.carried[field["name"]])
        if how == "returned":
            return numeric_leaves.tensor(numeric_leaves.get(self.result, field["result"]))
        root = self.result if how == "output" else self.root
        found = [numeric_leaves.tensor(numeric_leaves.get(root, p)) for p in field["places"]]
        return torch.stack(found) if len(found) > 1 else found[0]


@contextmanager
def what_is_kept(field: dict) -> Iterator[None]:
    """Raises Broken where a field has no place any more: a function that stands in for another does
    not keep what that one kept."""
    try:
        yield
    except (AttributeError, LookupError):
        where = ".".join(str(key) for _, key in field["places"][0])
        raise Broken(
            f"{field['name']} is not kept any more (at {where}); allowed: a function that keeps "
            "and returns what the one in whose place it stands does"
        ) from None


def rounded(given: torch.Tensor) -> torch.Tensor:
    """The same; under random rounding, rounded once more."""
    inexact = given.is_floating_point() or given.is_complex()
    return given * 1 if inexact and _get_current_dispatch_mode() is not None else given


def pieces(field: dict, given: torch.Tensor):
    """What of a field belongs to each of its places."""
    return given.unbind() if len(field["places"]) > 1 else (given,)


class Working:
    """A state on its way: canonical until the first step, then inside the live program."""

    def __init__(self, state: State):
        self.state, self.live, self.kind = state, None, type(state)

    def advanced(self, live: Live) -> Working:
        """One step on; the live program belongs to whoever stepped it last."""
        if self.live is None:
            live.take(self.state)
            self.live, self.state, live.owner = live, None, self
        elif live.owner is not self:
            raise Broken("a state was stepped on after the program had gone on with another one")
        live.advance()
        return self

    def observed(self) -> State:
        return self.state if self.live is None else self.live.give(self.kind)
