"""The rule that all recorded calls of a step function follow: what its state is."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import torch

from groundspeed.baselines.foreign import numeric_leaves
from groundspeed.baselines.foreign.live_step import MARKS
from groundspeed.baselines.foreign.numeric_leaves import Place, same
from groundspeed.baselines.foreign.outputs import ANY, field_name, group_name, unique
from groundspeed.baselines.foreign.sandbox import Broken
from groundspeed.tools.create.step_capture import Capture, RecordedCall

FIELDS = 400
Values = list[torch.Tensor]  # at the start, and after each call


def rule(capture: Capture, ignored: Mapping[str, str] | None = None) -> dict:
    """The rule that all captured calls follow, and its numbers.

    ``step`` says what a step function is as an engine: its fields, with how each comes from call to
    call, and after how many calls (``skip``) the recorded start lies. ``start``, ``fields`` and
    ``tables`` are the numbers of the first calls, ``windows`` the same of later ones, ``left_out``
    what is not compared, and why.

    Raises:
        Broken: there is none; the message says what to name instead.
    """
    if not capture.calls:
        raise Broken(f"the program never calls {capture.name} from Python")
    left_out: dict[str, str] = {}
    skip = warm_up(capture.calls)
    opening = capture.calls[skip:]
    segments = [opening, *(w for w in capture.windows if w[0].number >= skip)]
    calls = [call for segment in segments for call in segment]
    history = History(calls, left_out)
    fields = [f for f in history.fields() if not ignore(f, ignored or {}, left_out)]
    refuse_count(capture.function, fields)
    rows = {f["name"]: values(opening, f) for f in fields}
    fields, rows = with_marks(fields, rows, capture.function)
    steps, fixed = trajectory(capture.function, fields, rows)
    for f in fields:
        if f["how"] == "input" and not rows[f["name"]][steps].any():
            f["how"] = "table"  # at zero when it ends: a state that ends so would say nothing
            rows.pop(f["name"])
            rows.pop(f["name"] + MARKS, None)
    windows = {f"call_{w[0].number}": window(w, fields) for w in segments[1:]}
    windows = {name: found for name, found in windows.items() if found and tells(found)}
    fixed |= {n for found in windows.values() for n, row in found["rows"].items()
              if not moves(row)}  # fmt: skip
    step = {
        "name": capture.name,
        "fields": [{k: v for k, v in f.items()} for f in fields],
        "random": capture.random,
        "skip": skip,
        "steps": steps,
        "fixed": sorted(fixed & set(rows)),
        "calls": capture.count,
        "opening": len(capture.calls),
        "call_s": sorted(c.seconds for c in calls)[len(calls) // 2],
    }
    return {
        "step": json.loads(json.dumps(step)),  # keys of places may be words of the program's own
        "start": {name: row[0] for name, row in rows.items()},
        "fields": {name: row[steps] for name, row in rows.items()},
        "seen": seen(fields, rows, step["fixed"], steps),
        "tables": tables(opening, fields),
        "windows": {
            name: {
                "first": found["first"],
                "steps": found["steps"],
                "start": {n: row[0] for n, row in found["rows"].items()},
                "fields": {n: row[-1] for n, row in found["rows"].items()},
                "seen": seen(fields, found["rows"], step["fixed"], found["steps"]),
                "tables": found["tables"],
            }
            for name, found in windows.items()
        },
        "left_out": left_out,
    }


def warm_up(calls: list[RecordedCall]) -> int:
    """After how many calls every number is there that is there at the end (a queue is full, an
    optimizer has its moments); 0 where there are always new ones."""
    present = [set(c.before.numbers) & set(c.after.numbers) for c in calls]
    growing = {pattern(p) for c in present[len(calls) // 2 :] for p in present[-1] - c}
    late = [p for p in present[-1] if pattern(p) not in growing]
    absent = [n for n, here in enumerate(present) if any(p not in here for p in late)]
    skip = absent[-1] + 1 if absent else 0
    return skip if skip <= len(calls) - 2 else 0


def pattern(place: Place) -> Place:
    """The place without what numbers of one field may differ in."""
    return tuple((how, key if isinstance(key, str) else ANY) for how, key in place)


class History:
    """What became of each number over the recorded calls."""

    def __init__(self, calls: list[RecordedCall], left_out: dict[str, str]):
        self.calls, self.left_out = calls, left_out
        self.pairs = [(a, b) for a, b in zip(calls, calls[1:], strict=False)
                      if b.number == a.number + 1]  # fmt: skip
        moments = [r for c in calls for r in (c.before, c.after)]
        for moment in moments:
            left_out.update((field_name(p), why) for p, why in moment.left_out.items())
        for call in calls:
            left_out.update((result_name([p]), why) for p, why in call.result_left_out.items())
        self.places = self.steady([m.numbers for m in moments], lambda p: field_name(p))
        self.results = self.steady([c.result for c in calls], lambda p: result_name([p]))
        self.fate = {p: self.fate_of(p) for p in self.places}

    def steady(self, held: list[dict], name: Callable[[Place], str]) -> list[Place]:
        """Places that are always there, of one type and number of axes; the rest is left out."""
        found = []
        for place in {p: None for table in held for p in table}:
            kinds = {(t[place].ndim, t[place].dtype) if place in t else None for t in held}
            if len(kinds) == 1:
                found.append(place)
            else:
                why = "is not there at every call" if None in kinds else "changes its type"
                self.left_out[name(pattern(place))] = why
        return found

    def fate_of(self, place: Place) -> tuple[str, Any]:
        """How a number comes from one call to the next."""
        first = self.calls[0].before.numbers[place]
        if not self.changes(place) and all(same(c.before.numbers[place], first)
                                           for c in self.calls):  # fmt: skip
            return "constant", None
        if self.follows(place, lambda a: a.after.numbers[place]):
            return "kept", None
        for part in self.results:
            if self.follows(place, lambda a, part=part: a.result[part]):
                return "returned", part
        for when in ("after", "before"):
            for other in self.places:
                if other != place and self.carries(when, other, place):
                    return "carried", (when, other)
        return "input", None

    def carries(self, when: str, other: Place, place: Place) -> bool:
        """Whether a call finds at a place what lay at another one at the call before."""
        enough = len(self.pairs) > 2 or self.calls[0].before.numbers[place].numel() > 1
        varied = any(not same(a.before.numbers[other], b.before.numbers[other])
                     for a, b in self.pairs) or self.changes(other)  # fmt: skip
        return enough and varied and self.follows(place, lambda a: getattr(a, when).numbers[other])

    def follows(self, place: Place, source: Callable[[RecordedCall], torch.Tensor]) -> bool:
        return all(same(b.before.numbers[place], source(a)) for a, b in self.pairs)

    def changes(self, place: Place) -> bool:
        """Whether any call changes it."""
        return any(not same(c.before.numbers[place], c.after.numbers[place]) for c in self.calls)

    def alias(self, place: Place) -> bool:
        """Whether the same object always lies at an earlier place, too, and stays there."""
        of = {m.first.get(place) for c in self.calls for m in (c.before, c.after)}
        (first,) = of if len(of) == 1 else (None,)
        return first is not None and self.fate.get(first, ("", 0))[0] in ("kept", "constant")

    def fields(self) -> list[dict]:
        """Fields of the state: what calls change, hand on, are given, and return."""
        found, used = [], set()
        for place in self.places:
            how, source = self.fate[place]
            if how == "constant" or self.alias(place):
                continue
            field = {"how": how, "places": [place], "name": field_name(place)}
            if how == "returned":
                used.add(source)
                field["result"] = source
            elif how == "carried":
                field["source"] = (*source, self.copied(*source))
            found.append(field)
            if how != "kept" and self.changes(place) and not self.known_after(place, used):
                name = f"{field['name']}_after"
                found.append({"how": "changed", "places": [place], "name": name})
        kept = [p for f in found if f["how"] == "kept" for p in f["places"]]
        for part in self.results:
            again = any(all(same(c.after.numbers[k], c.result[part]) for c in self.calls)
                        for k in kept)  # fmt: skip
            if part not in used and not again:
                found.append({"how": "output", "places": [part], "name": result_name([part])})
        return named(self.packed(found))

    def copied(self, when: str, place: Place) -> bool:
        """Whether the next call is given a copy: what lies there is changed where it lies."""
        return self.fate[place][0] == "kept" or (when == "before" and self.changes(place))

    def known_after(self, place: Place, used: set[Place]) -> bool:
        """Whether what a call leaves at a place is compared elsewhere: handed on, or returned."""
        on = {f[1][1] for f in self.fate.values() if f[0] == "carried" and f[1][0] == "after"}
        return place in on or any(
            all(same(c.after.numbers[place], c.result[part]) for c in self.calls)
            for part in self.results
        )

    def packed(self, fields: list[dict]) -> list[dict]:
        """Single numbers of one kind, which differ in keys that are no names, as one field."""
        groups: dict[Any, dict] = {}
        for field in fields:
            (place,), how = field["places"], field["how"]
            held = self.calls[0].result if how == "output" else self.calls[0].after.numbers
            key = (how, pattern(place), held[place].dtype)
            one = held[place].ndim == 0 and how in ("kept", "changed", "output")
            if not one or pattern(place) == place or len(place) < 2:
                key = (how, place)
            if key in groups:
                groups[key]["places"].append(place)
            else:
                groups[key] = field
        return list(groups.values())


def result_name(places: list[Place]) -> str:
    return "result" + (f"_{group_name(places)}" if places[0] else "")


def named(fields: list[dict]) -> list[dict]:
    """The fields with names that stand once."""
    for field in fields:
        if len(field["places"]) > 1:
            name = group_name(field["places"])
            ending = {"output": f"result_{name}", "changed": f"{name}_after"}
            field["name"] = ending.get(field["how"], name)
    for field, name in zip(fields, unique([f["name"] for f in fields]), strict=True):
        field["name"] = name
    return fields


def ignore(field: dict, ignored: Mapping[str, str], left_out: dict[str, str]) -> bool:
    """Whether the user wants it left out; with the reason given."""
    name = next((n for n in ignored if f"{field['name']}_".startswith(f"{n}_")), None)
    if name is not None:
        left_out[field["name"]] = f"was to be left out: {ignored[name]}"
    return name is not None


def values(calls: list[RecordedCall], field: dict) -> Values:
    """The field at the start and after each call; of what only a call makes, zero at the start."""
    how = field["how"]
    if how in ("output", "changed"):
        held = [c.result if how == "output" else c.after.numbers for c in calls]
        found = [together(field, numbers) for numbers in held]
        return [torch.zeros_like(found[0]), *found]
    before = [together(field, c.before.numbers) for c in calls]
    if how == "kept":
        return [before[0], *(together(field, c.after.numbers) for c in calls)]
    if how == "returned":
        return [before[0], *(c.result[field["result"]] for c in calls)]
    if how == "carried":
        when, place, _ = field["source"]
        return [before[0], *(getattr(c, when).numbers[place] for c in calls)]
    return [*before, before[-1]]


def together(field: dict, numbers: Mapping[Place, torch.Tensor]) -> torch.Tensor:
    found = [numbers[place] for place in field["places"]]
    return torch.stack(found) if len(found) > 1 else found[0]


def with_marks(fields: list[dict], rows: dict[str, Values], function: str) -> tuple:
    """Fields that have numbers which are not finite from the beginning on say in a field of their
    own where: a decision, compared as it is."""
    found = {}
    for field in fields:
        name = field["name"]
        first = rows[name][field["how"] in ("output", "changed")]
        field["marks"] = not torch.isfinite(first).all().item()
        if field["marks"] and first.is_complex():
            raise Broken(f"{function}: {name} is complex and not finite; allowed: finite, or "
                         f"leave it out with --ignore {name}=REASON")  # fmt: skip
        found |= marked(field, rows[name])
    return fields, found


def marked(field: dict, row: Values) -> dict[str, Values]:
    """The field's values, by name, with marks where it has them."""
    if not field["marks"]:
        return {field["name"]: row}
    return {field["name"] + MARKS: [numeric_leaves.marks(t) for t in row],
            field["name"]: [numeric_leaves.without_marks(t) for t in row]}  # fmt: skip


def moves(row: Values) -> bool:
    return not all(same(row[0], t) for t in row)


def refuse_count(function: str, fields: list[dict]) -> None:
    if not fields:
        raise Broken(f"{function} changes and returns no number that can be seen; name another "
                     "function, or leave out --step")  # fmt: skip
    if len(fields) > FIELDS:
        raise Broken(f"{function} changes {len(fields)} numbers, allowed {FIELDS}; name a function "
                     "further inside, or leave out --step")  # fmt: skip


def trajectory(function: str, fields: list[dict], rows: dict) -> tuple[int, set[str]]:
    """How many calls are the trajectory (it is cut where it would say nothing), and the fields that
    stay as they are."""
    count = len(next(iter(rows.values())))
    finite = [n for n in range(count)
              if all(torch.isfinite(row[n]).all() for row in rows.values())]  # fmt: skip
    if finite[:2] != [0, 1]:
        raise Broken(f"{function} gives numbers that are not finite; allowed: finite")
    steps = next((n - 1 for n in range(count) if n not in finite), count - 1)
    given = {f["name"] for f in fields if f["how"] == "input"}
    moving = {n: r for n, r in rows.items() if moves(r)}
    told = {n: r for n, r in moving.items() if n.removesuffix(MARKS) not in given}
    while steps > 1 and not all(r[steps].any() for r in told.values()):
        steps -= 1
    for name, row in told.items():
        if row[steps].numel() and not row[steps].any():
            raise Broken(f"{name} is zero after every call of {function}: nothing to hold a "
                         f"candidate to; name another function, or leave it out with --ignore "
                         f"{name}=REASON")  # fmt: skip
    return steps, {name for name in rows if name not in moving}


def window(calls: list[RecordedCall], fields: list[dict]) -> dict:
    """The numbers of a window of calls."""
    rows: dict[str, Values] = {}
    for field in fields:
        if field["how"] != "table":
            rows |= marked(field, values(calls, field))
    return {"first": calls[0].number, "steps": len(calls), "rows": rows,
            "tables": tables(calls, fields)}  # fmt: skip


def tells(found: dict) -> bool:
    """Whether what moves in a window is finite, and not zero at its end."""
    rows = found["rows"].values()
    finite = all(torch.isfinite(t).all() for row in rows for t in row)
    return finite and all(row[-1].any() for row in rows if moves(row) and row[-1].numel())


def tables(calls: list[RecordedCall], fields: list[dict]) -> dict[str, Values]:
    """What the caller sets for each call, and once more at the end."""
    given = [f for f in fields if f["how"] in ("input", "table")]
    return {f["name"]: [together(f, c.before.numbers) for c in calls] for f in given}


def seen(fields: list[dict], rows: dict[str, Values], fixed: list[str], steps: int) -> dict:
    """Least and largest value, over the recorded calls, of the fields from which others follow."""
    made = {f["name"] for f in fields if f["how"] in ("output", "changed") or f["marks"]}
    found = {}
    for name, row in rows.items():
        real = [torch.view_as_real(t) if t.is_complex() else t for t in row[: steps + 1]]
        if name in made or name.endswith(MARKS) or name in fixed or not row[0].numel():
            continue
        if all(t.numel() for t in real):
            wide = [t.double() for t in real]
            found[name] = (min(float(t.min()) for t in wide), max(float(t.max()) for t in wide))
    return found
