"""Counted costs as they are filed, and as they are said. Imports no torch."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from validation import digests, leaves
from validation.records import BrokenRecord, Part, Record
from validation.verdicts import foundations


class Line(Part):
    """What one line of source did in all counted calls."""

    where: str  # path:line
    text: str
    operators: int = 0  # launches; views and empty allocations are none
    read: int = 0  # bytes
    written: int = 0
    flops: int = 0
    allocations: int = 0  # results that own new storage
    allocated: int = 0  # bytes
    waits: dict[str, int] = {}  # synchronisation points, by kind
    compiled: int = 0  # operators handed to a compiler, which fuses them; in no other column

    @property
    def path(self) -> str:
        return self.where.rpartition(":")[0]

    @property
    def stalls(self) -> int:
        return sum(self.waits.values())


COLUMNS = ("operators", "read", "written", "flops", "allocations", "allocated", "stalls",
           "compiled")  # fmt: skip


class Count(Part):
    """What an engine does in a case: totals over ``steps`` steps of the baseline, and lines."""

    steps: int
    opaque: str  # why the counter cannot see everything; "" where it does
    lines: list[Line]

    def total(self, column: str) -> int:
        return sum(getattr(line, column) for line in self.lines)

    def per_step(self, column: str) -> float:
        return self.total(column) / self.steps

    @property
    def moved(self) -> float:
        """Bytes read and written a step."""
        return self.per_step("read") + self.per_step("written")


class Compared(Record):
    """Counts of an optimization and of its baseline, case by case."""

    optimization: str
    engine: str
    rests_on: dict[str, str]
    outgrown: list[str]  # of its budget, in words
    baseline: dict[str, Count]
    candidate: dict[str, Count]
    least_bytes: dict[str, int]  # that any step moves, see tools.least
    working_set: dict[str, int]  # bytes of the state
    dtypes: dict[str, str]


def path(name: str, root: Path = digests.ROOT) -> Path:
    return root / "reports" / "costs" / f"{name}.json"


def rests_on(name: str, engine: str) -> dict[str, str]:
    """What decides the counts: the code of both, this code, and the release of torch."""
    here = Path(__file__).parent
    found = foundations(name, engine)
    own = ("counts.py", "counting.py", "operators.py", "least.py", "costs.py", "budget.py")
    accepted = leaves.folder(name) / "costs.json"
    kept = ("baseline", "baseline sources", "implementation", "torch")
    return {key: found[key] for key in kept} | {
        "counter": digests.of_files([here / f for f in own]),
        "budget": digests.of_file(accepted) if accepted.exists() else "none",
    }


@cache
def on_file(name: str) -> Compared | None:
    """The counts on file, if nothing has changed that decides them."""
    try:
        found = Compared.read(path(name))
    except (FileNotFoundError, BrokenRecord):
        return None
    return found if found.rests_on == rests_on(name, found.engine) else None


def forget() -> None:
    """Ask the files again: something was counted since."""
    on_file.cache_clear()


def words(theirs: Count, ours: Count) -> str:
    """Operators, bytes, arithmetic, allocations and waits of a step."""
    columns = {"operators": 1, "moved": 1e6, "flops": 1e6, "allocations": 1, "stalls": 1}
    units = ("operators", "MB moved", "Mflop", "allocations", "waits")
    text = ", ".join(
        f"{unit} {number(theirs, column, scale)} → {number(ours, column, scale)}"
        for unit, (column, scale) in zip(units, columns.items(), strict=True)
    )
    compiled = ours.per_step("compiled")
    inside = f"; a compiler has {compiled:g} operators more" if compiled else ""
    blind = f"; not seen inside: {ours.opaque}" if ours.opaque else ""
    return text + inside + blind


def number(count: Count, column: str, scale: float = 1) -> str:
    """What was counted of a step; where that cannot be all, it says so instead of a zero."""
    value = (count.moved if column == "moved" else count.per_step(column)) / scale
    if not count.opaque or column == "stalls":
        return f"{value:.4g}"
    return f"at least {value:.4g}" if value else "not seen"
