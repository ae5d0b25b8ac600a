"""What a run of a foreign program leaves: named numbers, and the calls that were watched."""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

import torch

from baselines.foreign import numeric_leaves
from baselines.foreign.live_step import bind

LADDER = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)  # calls that are watched


RESERVED = {"count", "index", "runs", "calls", "lambda", "in", "is", "from", "for", "if", "as"}


def numbers_left(left: Mapping[str, Any]) -> dict[str, tuple[numeric_leaves.Place, Any]]:
    """(place, number) of every number that a run left behind, by name; public ones first."""
    rows = [row for k, v in left.items() for row in numeric_leaves.numbers(v, (("item", k),))]
    found: dict[str, tuple[numeric_leaves.Place, Any]] = {}
    for place, number in sorted(rows, key=lambda row: not public(row[0])):
        found.setdefault(field_name(place), (place, number))
    return found


def public(place: numeric_leaves.Place) -> bool:
    return not any(str(key).startswith("_") for _, key in place)


def outputs(left: Mapping[str, Any], watches=()) -> dict[str, Any]:
    """Every number that a run left behind, and those of watched calls; nothing is converted yet."""
    found = {name: number for name, (_, number) in numbers_left(left).items()}
    for watch in watches:
        found |= watch.stacked()
    return found


def field_name(place: numeric_leaves.Place) -> str:
    """A name for a field, from where it lies."""
    keys = [str(key) for _, key in place if str(key) not in ("arguments", "globals", "closure")]
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
        for key, value in values.items():
            for place, number in numeric_leaves.numbers(value, (("item", key),)):
                name = f"{short}_{field_name(place)}{ending}"
                self.kept.setdefault(name, []).append(numeric_leaves.tensor(number))

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
