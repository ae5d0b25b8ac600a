"""What a run of a foreign program leaves: named numbers, and the calls that were watched."""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch

from groundspeed.baselines.foreign import numeric_leaves
from groundspeed.baselines.foreign.object_walk import Walk
from groundspeed.baselines.foreign.reachable import MODULES, bind

LADDER = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)  # calls that are watched

SINGLE = bool | int | float | complex
ANY = "*"  # a key that numbers of one field may differ in
ROOTS = {"arguments", "closure"}
RESERVED = {"count", "index", "runs", "calls", "lambda", "in", "is", "from", "for", "if", "as"}
Rows = dict[str, tuple[list[numeric_leaves.Place], list[Any]]]


def numbers_left(left: Mapping[str, Any], left_out: dict[str, str] | None = None) -> Rows:
    """(places, numbers) that a run left behind, by name; public ones first. Single numbers that
    differ in one key of their place alone are one field. ``left_out`` is told of the rest, and why.
    """
    walk = Walk()
    rows = [row for k, v in left.items() for row in walk.numbers(v, (("item", k),))]
    if left_out is not None:
        left_out |= {field_name(place): why for place, why in walk.left_out.items()}
    groups: dict[Any, tuple[list, list]] = {}
    for place, number in sorted(rows, key=lambda row: not public(row[0])):
        places, numbers = groups.setdefault(group_of(place, number), ([], []))
        places.append(place)
        numbers.append(number)
    names = unique([group_name(places) for places, _ in groups.values()])
    return dict(zip(names, groups.values(), strict=True))


def group_name(places: list[numeric_leaves.Place]) -> str:
    """A name for a field: of several places, by the keys that they have in common."""
    if len(places) == 1:
        return field_name(places[0])
    return field_name(tuple(key for key in places[0] if isinstance(key[1], str)))


def unique(names: list[str]) -> list[str]:
    """The names, each once: of several that are equal, the later ones get a number."""
    taken, found = set(names), []
    seen: set[str] = set()
    for name in names:
        count, new = 1, name
        while new in seen or (count > 1 and new in taken):
            count += 1
            new = f"{name}_{count}"
        seen.add(new)
        found.append(new)
    return found


def group_of(place: numeric_leaves.Place, number: Any) -> Any:
    """What single numbers that belong together have in common: kind and pattern of the place."""
    if not isinstance(number, SINGLE) or len(place) < 2:
        return place
    pattern = tuple((how, key if isinstance(key, str) else ANY) for how, key in place)
    return (pattern, type(number)) if pattern != place else place


def public(place: numeric_leaves.Place) -> bool:
    return not any(str(key).startswith("_") for _, key in place)


def stacked(numbers: list[Any]) -> torch.Tensor:
    """The numbers of a field as one tensor."""
    found = [numeric_leaves.tensor(number) for number in numbers]
    return torch.stack(found) if len(found) > 1 else found[0]


def outputs(left: Mapping[str, Any], watches=()) -> dict[str, list[Any]]:
    """Every number that a run left behind, and those of watched calls; nothing is converted yet."""
    found = {name: numbers for name, (_, numbers) in numbers_left(left).items()}
    for watch in watches:
        found |= {name: [rows] for name, rows in watch.stacked().items()}
    return found


def field_name(place: numeric_leaves.Place) -> str:
    """A name for a field, from where it lies."""
    keys = [str(key) for _, key in place]
    inside = 2 if keys[:1] == [MODULES] else int(keys[0] in ROOTS if keys else 0)
    keys = keys[inside:]
    inner = keys[1:] if len(keys) > 1 and keys[0] == "self" else keys
    inner = [k for k in inner if k not in ("_parameters", "_buffers", "_modules", "cell_contents")]
    name = re.sub(r"\W+", "_", "_".join(inner)).strip("_") or "value"
    return name if not name[0].isdigit() and name not in RESERVED else f"value_{name}"


class CallWatch:
    """Keeps the arguments and results of calls number 1, 2, 5, 10, 20, … of a function."""

    def __init__(self, name: str):
        self.name, self.calls = name, 0
        self.kept: dict[str, list[torch.Tensor]] = {}

    def wrap(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def watched(*args, **kwargs):
            self.calls += 1
            if self.calls not in LADDER:
                return function(*args, **kwargs)
            given = bind(function, args, kwargs).arguments
            self.keep({k: v for k, v in given.items() if k != "self"}, "")
            result = function(*args, **kwargs)
            self.keep({k: v for k, v in given.items() if k != "self"}, "_after")
            self.keep({"result": result}, "")
            return result

        return watched

    def keep(self, values: dict[str, Any], ending: str) -> None:
        short = self.name.rpartition(":")[2].replace(".", "_")
        for name, (_, found) in numbers_left(values).items():
            self.kept.setdefault(f"{short}_{name}{ending}", []).append(stacked(found))

    def stacked(self) -> dict[str, torch.Tensor]:
        """One tensor a name, calls first; what calls leave as it was is told once."""
        found = {}
        for name, rows in self.kept.items():
            before = self.kept.get(name.removesuffix("_after"))
            if name.endswith("_after") and before and all(map(numeric_leaves.same, rows, before)):
                continue
            if all(r.shape == rows[0].shape and r.dtype == rows[0].dtype for r in rows):
                found[name] = torch.stack(rows)
        return found
