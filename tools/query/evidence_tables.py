"""Tables of the evidence: a row class each, whose fields are the columns.

A speedup stands in `speedups` only while the verdict that it rests on is current.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from groundspeed.tools.records.evidence import Evidence, View
from groundspeed.tools.records.measurement import Timing
from groundspeed.tools.reporting import proposals
from groundspeed.validation import discovery
from groundspeed.validation.records import results

TYPES = {
    str: "VARCHAR", float: "DOUBLE", int: "BIGINT", bool: "BOOLEAN", list[str]: "VARCHAR[]",
    float | None: "DOUBLE",
}  # fmt: skip


@dataclass
class VerdictRow:
    """What a kind of machine found of an optimization, and what that is worth today."""

    machine: str
    optimization: str
    baseline: str
    level: str
    status: str  # today
    judged_as: str  # when it was judged
    reason: str
    coverage: str
    protocol: int
    torch: str
    made: str


@dataclass
class SpeedupRow:
    """A current number: one case of an optimization on a kind of machine, times in seconds."""

    machine: str
    optimization: str
    baseline: str
    level: str
    case_name: str
    speedup: float
    low: float
    high: float
    cpu_speedup: float
    outcome: str
    note: str
    baseline_s: float
    candidate_s: float
    baseline_bytes: float | None
    candidate_bytes: float | None
    control: float
    processes: int
    pairs: int
    protocol: int
    made: str


@dataclass
class CheckRow:
    """The closest check of a case in a verdict on file; without a field, every bit was equal."""

    machine: str
    optimization: str
    case_name: str
    comparisons: int
    field: str
    largest_error: float | None
    allowed_error: float | None
    failed: str


@dataclass
class MachineRow:
    """A kind of machine that has evidence; nothing of what its file does not tell."""

    machine: str
    processor: str
    capability: str
    cores: int
    accelerator: str
    system: str


@dataclass
class ProposalRow:
    """A proposal of the ledger and what became of it."""

    document: str
    section: str
    says: str
    promised_low: float | None
    promised_high: float | None
    decision: str
    because: str
    optimizations: list[str]


TABLES = {
    "verdicts": VerdictRow,
    "speedups": SpeedupRow,
    "checks": CheckRow,
    "machines": MachineRow,
    "proposals": ProposalRow,
}


def columns(table: str) -> dict[str, str]:
    """Columns of a table with their types in SQL."""
    return {field.name: TYPES[field.type] for field in fields(TABLES[table])}


def rows(view: View) -> dict[str, list]:
    """Every row of every table."""
    every = [e for name in discovery.names() for e in view.every(name) if e.verdict]
    return {
        "verdicts": [verdict(e) for e in every],
        "speedups": [row for e in every for row in speedups(e)],
        "checks": [row for e in every for row in checks(e)],
        "machines": [machine(on) for on in view.machines],
        "proposals": [*ledger()],
    }


def verdict(found: Evidence) -> VerdictRow:
    kept = found.verdict
    return VerdictRow(
        machine=found.machine, optimization=found.optimization, baseline=kept.engine,
        level=kept.level, status=found.status.value, judged_as=kept.status.value,
        reason=found.reason, coverage=kept.coverage.name.lower(), protocol=kept.protocol,
        torch=kept.torch, made=kept.made,
    )  # fmt: skip


def speedups(found: Evidence) -> Iterator[SpeedupRow]:
    measured = found.timing
    for name, timing in measured.cases.items() if measured else ():
        yield speedup(found, name, timing)


def speedup(found: Evidence, case: str, timing: Timing) -> SpeedupRow:
    return SpeedupRow(
        machine=found.machine, optimization=found.optimization, baseline=found.verdict.engine,
        level=found.verdict.level, case_name=case, speedup=timing.speedup, low=1 / timing.high,
        high=1 / timing.low if timing.low > 0 else float("inf"),
        cpu_speedup=1 / timing.cpu_ratio, outcome=timing.word, note=timing.note,
        baseline_s=timing.baseline_s, candidate_s=timing.candidate_s,
        baseline_bytes=timing.peak_bytes.get("baseline"),
        candidate_bytes=timing.peak_bytes.get("candidate"), control=timing.control,
        processes=timing.processes, pairs=timing.pairs, protocol=found.timing.protocol,
        made=found.timing.made,
    )  # fmt: skip


def checks(found: Evidence) -> Iterator[CheckRow]:
    for name, case in found.verdict.cases.items():
        closest = case.closest
        yield CheckRow(
            machine=found.machine, optimization=found.optimization, case_name=name,
            comparisons=case.checks, field=closest.field if closest else "",
            largest_error=closest.largest if closest else None,
            allowed_error=closest.allowed if closest else None, failed=case.broken,
        )  # fmt: skip


def machine(on: str) -> MachineRow:
    known = {f.name for f in fields(MachineRow)} - {"machine"}
    about = results.description(on)
    return MachineRow(machine=on, **{name: about.get(name) for name in known})


def ledger() -> Iterator[ProposalRow]:
    for document in proposals.documents().values():
        for row in document.row:
            low, high = row.speedup or (None, None)
            yield ProposalRow(
                document=document.title, section=row.section, says=row.says, promised_low=low,
                promised_high=high, decision=row.decision.value, because=row.because,
                optimizations=row.optimizations,
            )  # fmt: skip
