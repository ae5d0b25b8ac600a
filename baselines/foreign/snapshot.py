"""Foreign objects as they were: so that a run from a state remembers nothing of the run before.

What a step function keeps beside its arrays (neighbour lists that are rebuilt when something
has moved far enough, caches, logs, counters) is no field of a state. It is put back where a
state is taken, or results would depend on what was computed before.
"""

import copy
from collections.abc import Iterable
from typing import Any

import torch

from baselines.foreign import numeric_leaves


class Snapshot:
    """Every container that can be reached, with what it held, and every array with its numbers."""

    def __init__(self, roots: Iterable[Any]):
        self.dicts: list[tuple[dict, dict]] = []
        self.lists: list[tuple[list, list]] = []
        self.arrays: list[tuple[Any, torch.Tensor]] = []
        seen: set[int] = set()
        waiting = [(root, 0) for root in roots]
        while waiting:
            value, depth = waiting.pop()
            if id(value) not in seen:
                seen.add(id(value))
                inner = self.keep(value) if depth < numeric_leaves.DEPTH else []
                waiting += [(each, depth + 1) for each in inner]

    def keep(self, value: Any) -> list[Any]:
        """Note one object; what is inside it."""
        if isinstance(value, torch.Tensor) or numeric_leaves.is_array(value):
            if numeric_leaves.is_number(value):
                self.arrays.append((value, numeric_leaves.tensor(value)))
            return []
        if type(value) is list:
            numbers = numeric_leaves.is_list(value)
            self.lists.append((value, copy.deepcopy(value) if numbers else value[:]))
            return [] if numbers else [inner for _, inner in numeric_leaves.parts(value)]
        inner = [each for _, each in numeric_leaves.parts(value)]
        held = value if isinstance(value, dict) else getattr(value, "__dict__", None)
        if isinstance(held, dict) and (inner or held is value):
            self.dicts.append((held, dict(held)))
        return inner

    def restore(self) -> None:
        """Put everything back, in place."""
        for held, then in self.dicts:
            for name in [name for name in held if name not in then]:
                del held[name]
            held.update({k: v for k, v in then.items() if held.get(k, held) is not v})
        for held, then in self.lists:
            held[:] = copy.deepcopy(then) if numeric_leaves.is_list(then) else then
        for array, then in self.arrays:
            if not numeric_leaves.same(numeric_leaves.tensor(array), then):
                numeric_leaves.overwrite(array, then)
