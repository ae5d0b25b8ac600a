"""Operators of torch at the program's own lines, and those that are given the same again.

Counts are those of `tools.costs.dispatch_counter`: exact, whatever the load of the machine. A
compiled function runs eagerly meanwhile, so its counts are those of the eager program; kernels of
numba or of a library called through pointers are not seen.
"""

import hashlib
from time import perf_counter

import torch
from torch.utils._python_dispatch import _disable_current_modes

from groundspeed.tools.costs import operator_cost
from groundspeed.tools.costs.cost_summary import COLUMNS, Line
from groundspeed.tools.costs.dispatch_counter import Operators
from groundspeed.tools.profiling.instruments.value_hash import Unknown, update
from groundspeed.tools.profiling.program.source_scope import Own

LARGE = 4096  # bytes; a smaller result may be equal by chance


class RepeatedOperators(Operators):
    """Tally by (file, line, operator); hashes inputs while ``hash_s`` seconds of it last."""

    by_operator, compiled_apart = True, False

    def __init__(self, own: Own, hash_s: float = 20.0):
        super().__init__()
        self.own, self.hash_s = own, hash_s
        self.seen: set[bytes] = set()
        self.repeats: dict[int, list[int]] = {}  # of a line: how often, and bytes

    def place(self, file: str) -> str:
        return file if self.own.is_own(file) else ""

    def add(self, line: Line, func, args, kwargs, result) -> None:
        super().add(line, func, args, kwargs, result)
        outputs = operator_cost.tensors(result)
        size = sum(map(operator_cost.extent, outputs))
        informative = any(
            t.dtype is not torch.bool for t in outputs
        )  # masks are alike where all hold
        if size < LARGE or not informative or operator_cost.name(func) in operator_cost.EMPTY:
            return
        key = self.key(func, args, kwargs)
        if key in self.seen:
            times, total = self.repeats.get(id(line), (0, 0))
            self.repeats[id(line)] = [times + 1, total + size]
        elif key is not None:
            self.seen.add(key)

    def key(self, func, args, kwargs) -> bytes | None:
        """Digest of the operator and all that it reads, which it left as it was; none where
        chance or effects decide."""
        if self.hash_s <= 0 or torch.Tag.nondeterministic_seeded in func.tags:
            return None
        if any(map(operator_cost.is_written, func._schema.arguments)):
            return None
        before = perf_counter()
        total = hashlib.blake2b(str(func).encode(), digest_size=16)
        try:
            with _disable_current_modes():
                update(total, (args, kwargs))
        except Unknown:
            return None
        finally:
            self.hash_s -= perf_counter() - before
        return total.digest()

    def found(self) -> dict:
        """A row an operator and line; what is done at no own line has no file, and no row where
        that is the harness starting an engine again."""
        rows = []
        for (file, number, operator), line in self.lines.items():
            view = not any(getattr(line, column) for column in COLUMNS)
            if view or (self.own.engine and not number):
                continue
            repeated, repeated_bytes = self.repeats.get(id(line), (0, 0))
            transfers = line.waits.get("transfer", 0)
            rows.append(
                line.model_dump(exclude={"where", "text", "waits", "compiled", "operators"})
                | {"operator": operator, "file": file if number else "", "line": number}
                | {"launches": line.operators, "syncs": line.stalls - transfers}
                | {"transfers": transfers, "repeated": repeated, "repeated_bytes": repeated_bytes}
            )
        return {"rows": rows, "launches": sum(line.operators for line in self.lines.values())}
