"""Foreign objects as they were: so that a run from a state remembers nothing of the run before.

What a step function keeps beside its arrays (neighbour lists that are rebuilt when something
has moved far enough, caches, logs, counters) is no field of a state. It is put back where a
state is taken, or results would depend on what was computed before.
"""

import copy
from collections import deque
from collections.abc import Iterable
from typing import Any

import torch

from groundspeed.baselines.foreign import numeric_leaves
from groundspeed.baselines.foreign.object_walk import DEPTH, is_numpy, parts


class Snapshot:
    """Every container that can be reached, with what it held, and every array with its numbers."""

    def __init__(self, roots: Iterable[Any]):
        self.dicts: list[tuple[dict, dict]] = []
        self.lists: list[tuple[list, list]] = []
        self.queues: list[tuple[deque, list]] = []
        self.arrays: list[tuple[Any, torch.Tensor]] = []
        seen: set[int] = set()
        waiting = [(root, 0) for root in roots]
        while waiting:
            value, depth = waiting.pop()
            if id(value) not in seen:
                seen.add(id(value))
                inner = self.keep(value) if depth < DEPTH else []
                waiting += [(each, depth + 1) for each in inner]

    def keep(self, value: Any) -> list[Any]:
        """Note one object; what is inside it."""
        if numeric_leaves.is_shared(value) or numeric_leaves.is_generator(value):
            if numeric_leaves.is_number(value):
                self.arrays.append((value, numeric_leaves.tensor(value)))
            return []
        if type(value) is list:
            numbers = numeric_leaves.is_list(value)
            self.lists.append((value, copy.deepcopy(value) if numbers else value[:]))
            return [] if numbers else [inner for _, inner in parts(value)]
        inner = [each for _, each in parts(value)]
        if isinstance(value, deque):
            self.queues.append((value, list(value)))
            return inner
        if is_numpy(value):
            if value.dtype.names is not None:  # its columns are made anew at each look
                self.arrays += [(each, numeric_leaves.tensor(each)) for each in inner
                                if numeric_leaves.is_number(each)]  # fmt: skip
            return inner
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
        for queue, then in self.queues:
            if len(queue) != len(then) or any(a is not b for a, b in zip(queue, then, strict=True)):
                queue.clear()
                queue.extend(then)
        for array, then in self.arrays:
            if not numeric_leaves.same(numeric_leaves.tensor(array), then):
                numeric_leaves.fill({"at": array}, (("item", "at"),), then, set())
