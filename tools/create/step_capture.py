"""Records what the calls of a step function take, change and return."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import torch

from baselines.foreign import live_step, numeric_leaves
from baselines.foreign.outputs import field_name
from baselines.foreign.sandbox import Broken, random_state, sow

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

    name: str  # module:function
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
        sow(self.seed + len(self.calls))
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
    own, of_torch, (_, words, position, *_) = random_state()
    return own, of_torch.numpy().tobytes(), words.tobytes(), position


def rule(capture: Capture) -> dict:
    """The rule that all captured calls follow, and its numbers.

    ``step`` says what a step function is as an engine: its fields, what the caller sets anew for
    each call, how many steps; ``start``, ``fields`` and ``tables`` are the numbers of both.

    Raises:
        Broken: there is none; the message says what to name instead.
    """
    calls, left_out = capture.calls, set()
    if not calls:
        raise Broken(f"the program never calls {capture.name} from Python")
    places = steady([c.before for c in calls] + [c.after for c in calls], left_out)
    results = steady([c.result for c in calls], left_out)
    fields, scheduled, used = [], [], set()
    for place in places:
        how, part = fate(calls, place, results)
        if how == "scheduled":
            scheduled.append({"name": field_name(place), "place": place})
        elif how != "constant":
            fields.append({"name": field_name(place), "how": how, "place": place})
            if part is not None:
                used.add(part)
                fields[-1]["result"] = part
    kept = [f["place"] for f in fields if f["how"] == "kept"]
    for part in results:
        again = any(
            all(numeric_leaves.same(c.after[k], c.result[part]) for c in calls) for k in kept
        )
        if part not in used and not again:
            name = "result" + (f"_{field_name(part)}" if part else "")
            fields.append({"name": name, "how": "output", "place": part})
    unique(fields)
    unique(scheduled)
    rows, steps, fixed = trajectory(capture, fields)
    step = {
        "name": capture.name,
        "fields": fields,
        "scheduled": scheduled,
        "random": capture.random,
        "steps": steps,
        "fixed": fixed,
        "left_out": sorted(left_out),
        "calls": capture.count,
        "call_s": sorted(c.seconds for c in calls)[len(calls) // 2],
    }
    return {
        "step": json.loads(json.dumps(step)),  # keys of places may be words of the program's own
        "start": {name: row[0] for name, row in rows.items()},
        "fields": {name: row[steps] for name, row in rows.items()},
        "tables": {
            s["name"]: torch.stack([c.before[s["place"]] for c in calls]) for s in scheduled
        },
        "not_finite": [],
        "others": [],
    }


def steady(tables: list[Numbers], left_out: set[str]) -> list[numeric_leaves.Place]:
    """Places that every table has, of one shape and type; the others' names are noted."""
    found = []
    for place in {p: None for table in tables for p in table}:
        kinds = {(t[place].shape, t[place].dtype) if place in t else None for t in tables}
        if len(kinds) == 1:
            found.append(place)
        else:
            left_out.add(field_name(place))
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


def trajectory(capture: Capture, fields: list[dict]) -> tuple[dict, int, list[str]]:
    """Values of each field at the start and after each call, how many calls are the trajectory
    (it is cut where it would say nothing), and the fields that stay as they are."""
    calls, function = capture.calls, capture.function
    if not fields:
        raise Broken(f"{function} changes and returns no number that can be seen; name another "
                     "function, or leave out --step")  # fmt: skip
    if len(fields) > FIELDS:
        raise Broken(f"{function} changes {len(fields)} numbers, allowed {FIELDS}; name a function "
                     "further inside, or leave out --step")  # fmt: skip
    rows = {f["name"]: values(calls, f) for f in fields}
    finite = [n for n in range(len(calls) + 1)
              if all(torch.isfinite(row[n]).all() for row in rows.values())]  # fmt: skip
    if finite[:1] != [0] or len(finite) < 2:
        raise Broken(f"{function} gives numbers that are not finite; allowed: finite")
    steps = finite[-1]
    moving = {n: r for n, r in rows.items() if not all(numeric_leaves.same(r[0], x) for x in r)}
    while steps > 1 and not all(r[steps].any() for r in moving.values()):
        steps -= 1
    for name, row in moving.items():
        if row[steps].numel() and not row[steps].any():
            raise Broken(f"{name} is zero after every call of {function}: nothing to hold a "
                         "candidate to; name another function")  # fmt: skip
    return rows, steps, [name for name in rows if name not in moving]


def values(calls: list[RecordedCall], field: dict) -> list[torch.Tensor]:
    """The field at the start and after each call; of an output, which has no start, zero."""
    place = field["place"]
    if field["how"] == "kept":
        return [calls[0].before[place], *(c.after[place] for c in calls)]
    if field["how"] == "returned":
        return [calls[0].before[place], *(c.result[field["result"]] for c in calls)]
    results = [c.result[place] for c in calls]
    return [torch.zeros_like(results[0]), *results]
