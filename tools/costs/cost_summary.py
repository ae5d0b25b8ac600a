"""Record and text of counted costs. Imports no torch."""

from __future__ import annotations

from functools import cache

from groundspeed.tools.records.protocols import COUNTER
from groundspeed.validation import discovery, machine
from groundspeed.validation.judge import verdicts
from groundspeed.validation.records import digests, results
from groundspeed.validation.records.base import Part, today


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


class Steps(Part):
    """What an engine does in a case, added up over some steps of the baseline."""

    steps: int
    opaque: str  # why the counter cannot see everything; "" where it does

    def total(self, column: str) -> int:
        raise NotImplementedError

    def per_step(self, column: str) -> float:
        return self.total(column) / self.steps

    @property
    def moved(self) -> float:
        """Bytes read and written a step."""
        return self.per_step("read") + self.per_step("written")

    @property
    def unseen(self) -> str:
        """Why nothing at all was counted; "" where something was, or where there is nothing."""
        return "" if any(self.total(column) for column in COLUMNS) else self.opaque


class Count(Steps):
    """Line by line."""

    lines: list[Line]

    def total(self, column: str) -> int:
        return sum(getattr(line, column) for line in self.lines)


class Total(Steps):
    """Without the lines: what is kept as evidence."""

    totals: dict[str, int]  # by column, over all steps
    waits_at: list[str] = []  # of a candidate: lines at which a host would wait for a GPU

    @classmethod
    def of(cls, count: Count) -> Total:
        return cls(
            steps=count.steps,
            opaque=count.opaque,
            totals={column: count.total(column) for column in COLUMNS},
            waits_at=sorted({line.where for line in count.lines if line.waits}),
        )

    def total(self, column: str) -> int:
        return self.totals[column]


class Compared(Part):
    """Counts of an optimization and of its baseline, case by case."""

    optimization: str
    engine: str
    made: str = ""
    protocol: int  # of the counter
    modified: str = ""
    torch: str  # release
    code: str  # names the code that was counted
    budget: str  # digest of the accepted costs
    outgrown: list[str]  # of its budget, in words
    baseline: dict[str, Total]
    candidate: dict[str, Total]
    least_bytes: dict[str, int]  # that any step moves, see tools.costs.minimum_work
    working_set: dict[str, int]  # bytes of the state
    dtypes: dict[str, str]

    def file(self) -> Compared:
        self.made = today()
        on = machine.kind(discovery.device(self.optimization))
        results.put(SECTION, self, self.optimization, on)
        on_file.cache_clear()
        return self


SECTION = "counts"


def code_now(name: str, engine: str, torch: str = "") -> str:
    """Names the code that decides the counts, that of both, under the installed torch or another
    release."""
    now = verdicts.provenance(name, engine)
    return digests.of_plain([now["baseline"], torch or now["torch"], now["files"]])[:32]


def budget_now(name: str) -> str:
    accepted = discovery.folder(name) / "costs.json"
    return digests.of_file(accepted)[:32] if accepted.exists() else "none"


@cache
def on_file(name: str, installed: bool = False) -> Compared | None:
    """The counts on file from any machine, if nothing has changed that decides them: they do not
    depend on the machine. With ``installed``, those of the installed torch only."""
    for on in results.machines():
        found = results.section_or_none(Compared, SECTION, name, on)
        if (
            found
            and found.code == code_now(name, found.engine, "" if installed else found.torch)
            and found.budget == budget_now(name)
            and COUNTER.stands(found.modified)
            and not COUNTER.overturned(found.protocol, {"counts"})
        ):
            return found
    return None


def words(theirs: Total, ours: Total) -> str:
    """Operators, bytes, arithmetic, allocations and waits of a step."""
    shown = (("operators", "operators", 1), ("MB moved", "moved", 1e6), ("Mflop", "flops", 1e6),
             ("allocations", "allocations", 1), ("waits", "stalls", 1))  # fmt: skip
    text = ", ".join(
        f"{unit} {number(theirs, column, scale)} → {number(ours, column, scale)}"
        for unit, column, scale in shown
    )
    compiled = ours.per_step("compiled")
    inside = f"; a compiler has {compiled:g} operators more" if compiled else ""
    blind = f"; not seen inside: {ours.opaque}" if ours.opaque else ""
    return text + inside + blind


def number(count: Total, column: str, scale: float = 1) -> str:
    """What was counted of a step; where that cannot be all, it says so instead of a zero."""
    value = (count.moved if column == "moved" else count.per_step(column)) / scale
    if not count.opaque or column == "stalls":
        return counted(value)
    return f"at least {counted(value)}" if value else "not seen"


def counted(value: float) -> str:
    """Four digits, never as a power of ten."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"
