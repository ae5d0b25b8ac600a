"""Records what the calls of a step function take, change and return."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import torch

from baselines.foreign import live_step, numeric_leaves, outputs, sandbox

CALLS = 50  # kept at most
BYTES = 1 << 27  # kept at most, over all calls
SECONDS = 2.0  # of calls that become the trajectory
FIELDS = 200

Numbers = dict[numeric_leaves.Place, torch.Tensor]


@dataclass
class RecordedCall:
    """One call: every number that it could reach before and after, and what it returned."""

    before: Numbers
    after: Numbers
    result: Numbers
    seconds: float


@dataclass
class Capture:
    """Wraps the step function and keeps its first calls."""

    seed: int
    calls: list[RecordedCall] = field(default_factory=list)
    count: int = 0
    bytes: int = 0
    random: bool = False
    function: str = ""

    def wrap(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def captured(*args, **kwargs):
            self.count += 1
            if not self.wants_more():
                return function(*args, **kwargs)
            return self.keep(function, args, kwargs)

        self.function = getattr(function, "__qualname__", str(function))
        return captured

    def wants_more(self) -> bool:
        return self.count == len(self.calls) + 1 and (
            len(self.calls) < 2
            or (
                len(self.calls) < CALLS
                and self.bytes < BYTES
                and sum(c.seconds for c in self.calls) < SECONDS
            )
        )

    def keep(self, function: Callable, args: tuple, kwargs: dict) -> Any:
        root = live_step.roots(function, live_step.bind(function, args, kwargs))
        last = self.calls[-1].after if self.calls else {}
        before = self.shared(live_step.reach(root), last)
        sandbox.sow(self.seed + len(self.calls))
        dice = randomness()
        began = perf_counter()
        result = function(*args, **kwargs)
        seconds = perf_counter() - began
        self.random |= randomness() != dice
        after = self.shared(live_step.reach(root), before)
        returned = {place: numeric_leaves.tensor(v) for place, v in numeric_leaves.numbers(result)}
        self.calls.append(RecordedCall(before, after, self.shared(returned, {}), seconds))
        return result

    def shared(self, numbers: Numbers, known: Numbers) -> Numbers:
        """The same, where it did not change, kept once."""
        found = {}
        for place, now in numbers.items():
            then = known.get(place)
            if then is not None and numeric_leaves.same(now, then):
                found[place] = then
            else:
                found[place] = now
                self.bytes += now.numel() * now.element_size()
        return found


def randomness() -> tuple:
    """The state of every generator that is seeded, to see whether it moved."""
    import random

    import numpy

    own = numpy.random.get_state()
    return hash(random.getstate()), hash(own[1].tobytes()), own[2], hash(
        torch.get_rng_state().numpy().tobytes()
    )  # fmt: skip


@dataclass
class Rule:
    """A step function as an engine: fields, start, what is given to each call, the end."""

    fields: list[dict]
    scheduled: list[dict]
    start: dict[str, torch.Tensor]
    end: dict[str, torch.Tensor]
    tables: dict[str, torch.Tensor]
    steps: int
    fixed: list[str]
    left_out: list[str]


def rule(capture: Capture) -> Rule:
    """The rule that all captured calls follow.

    Raises:
        ValueError: there is none; the message says what to name instead.
    """
    calls, left_out = capture.calls, []
    places = steady([c.before for c in calls] + [c.after for c in calls], left_out)
    results = steady([c.result for c in calls], left_out)
    fields, scheduled, used = [], [], set()
    for place in places:
        how, part = fate(calls, place, results)
        if how == "scheduled":
            scheduled.append({"name": outputs.field_name(place), "place": place})
        elif how != "constant":
            fields.append({"name": outputs.field_name(place), "how": how, "place": place})
            if part is not None:
                used.add(part)
                fields[-1]["result"] = part
    kept = [f["place"] for f in fields if f["how"] == "kept"]
    for part in results:
        again = any(
            all(numeric_leaves.same(c.after[k], c.result[part]) for c in calls) for k in kept
        )
        if part not in used and not again:
            name = "result" + (f"_{outputs.field_name(part)}" if part else "")
            fields.append({"name": name, "how": "output", "place": part})
    unique(fields)
    unique(scheduled)
    return follow(capture, fields, scheduled, left_out)


def steady(tables: list[Numbers], left_out: list[str]) -> list[numeric_leaves.Place]:
    """Places that every table has, of one shape and type; the others' names are noted."""
    first, found = tables[0], []
    for place in {p: None for table in tables for p in table}:
        rows = [t.get(place) for t in tables]
        if all(r is not None and (r.shape, r.dtype) == (first[place].shape, first[place].dtype)
               for r in rows if place in first) and place in first:  # fmt: skip
            found.append(place)
        else:
            left_out.append(outputs.field_name(place))
    return found


def fate(calls: list[RecordedCall], place: numeric_leaves.Place, results: list) -> tuple[str, Any]:
    """What becomes of a number from call to call."""
    pairs = list(zip(calls, calls[1:], strict=False))
    if all(numeric_leaves.same(b.before[place], a.after[place]) for a, b in pairs):
        changed = any(not numeric_leaves.same(c.before[place], c.after[place]) for c in calls)
        return ("kept" if changed else "constant"), None
    for part in results:
        if all(numeric_leaves.same(b.before[place], a.result[part]) for a, b in pairs):
            return "returned", part
    return "scheduled", None


def unique(rows: list[dict]) -> None:
    """Names that stand once: of several, the later ones get a number."""
    seen: dict[str, int] = {}
    for row in rows:
        seen[row["name"]] = seen.get(row["name"], 0) + 1
        if seen[row["name"]] > 1:
            row["name"] = f"{row['name']}_{seen[row['name']]}"


def follow(capture: Capture, fields: list[dict], scheduled: list[dict], left_out: list) -> Rule:
    """Start, end and tables of the trajectory, cut where it would say nothing."""
    calls = capture.calls
    if not fields:
        raise ValueError(
            f"{capture.function} changes and returns no number that can be seen; name another "
            "function, or leave out --step"
        )
    if len(fields) > FIELDS:
        raise ValueError(
            f"{capture.function} changes {len(fields)} numbers, allowed {FIELDS}; name a function "
            "further inside, or leave out --step"
        )
    start = {f["name"]: first(calls[0], f) for f in fields}
    steps = len(calls)
    while steps and not all(finite(value(calls[steps - 1], f)) for f in fields):
        steps -= 1
    if not steps or not all(map(finite, start.values())):
        raise ValueError(f"{capture.function} gives numbers that are not finite; allowed: finite")
    rows = {f["name"]: [start[f["name"]], *(value(c, f) for c in calls)] for f in fields}
    fixed = [n for n, r in rows.items() if all(numeric_leaves.same(r[0], x) for x in r)]
    while steps > 1 and any(not r[steps].any() for n, r in rows.items() if n not in fixed):
        steps -= 1
    gone = [
        n for n, r in rows.items() if n not in fixed and r[steps].numel() and not r[steps].any()
    ]
    if gone:
        raise ValueError(f"{gone[0]} is zero after every call of {capture.function}: nothing to "
                         "hold a candidate to; name another function")  # fmt: skip
    tables = {s["name"]: torch.stack([c.before[s["place"]] for c in calls]) for s in scheduled}
    end = {n: r[steps] for n, r in rows.items()}
    return Rule(fields, scheduled, start, end, tables, steps, fixed, sorted(set(left_out)))


def first(call: RecordedCall, field: dict) -> torch.Tensor:
    if field["how"] == "output":
        return torch.zeros_like(call.result[field["place"]])
    return call.before[field["place"]]


def value(call: RecordedCall, field: dict) -> torch.Tensor:
    """The field after the call."""
    if field["how"] == "kept":
        return call.after[field["place"]]
    return call.result[field["result"] if field["how"] == "returned" else field["place"]]


def finite(tensor: torch.Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())
