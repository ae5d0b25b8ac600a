"""What runs on a GPU, judged and timed where there is one; the evidence stays when it is gone.

A machine without a GPU can judge none of it: there those optimizations are UNAVAILABLE. What a
machine with one found is kept under ``reports/gpu/``, verdict and measurement together, and
shown with the conditions under which it was found, and with what has changed since.
"""

from __future__ import annotations

from pathlib import Path

from tools import bench, console, records, validate
from tools.conditions import changes
from tools.records import Measurement
from validation import digests, leaves, verdicts
from validation.coverage import Coverage
from validation.machine import missing
from validation.records import BrokenRecord, Record
from validation.verdicts import Verdict

ELSEWHERE = {"torch", "machine", "threads"}  # what a verdict rests on and another machine has not


class Evidence(Record):
    """Verdict and measurement of one optimization, as a machine with a GPU gave them."""

    optimization: str
    accelerator: str
    verdict: Verdict
    measurement: Measurement | None = None

    @property
    def changed(self) -> list[str]:
        """Of our own files, what it rests on and what is not as it was."""
        now = verdicts.foundations(self.optimization, self.verdict.engine)
        known = self.verdict.digests
        return sorted(k for k in now if k not in ELSEWHERE and now[k] != known.get(k))

    @property
    def timed(self) -> Measurement | None:
        """The measurement that may be shown: none whose verdict is not fresh."""
        return None if self.changed else self.measurement


def names() -> list[str]:
    """Every optimization that works on a GPU."""
    return [name for name in leaves.names() if leaves.device(name) == "cuda"]


def path(name: str, root: Path = digests.ROOT) -> Path:
    return root / "reports" / "gpu" / f"{name}.json"


def on_file(name: str) -> Evidence | None:
    """What was found of it, whatever it is still worth; none where there is nothing."""
    try:
        return Evidence.read(path(name))
    except (FileNotFoundError, BrokenRecord):
        return None


def run(asked: list[str], full: bool = False) -> int:
    """The verb ``gpu``; exit 1 where a claim does not hold or a number was refused."""
    from tools.conditions import accelerator  # late: asks the driver

    lacking = missing(("cuda",))
    if lacking:
        print(f"this machine lacks {lacking[0]}; what one that has it found: reports/gpu.md")
        return 1
    chosen = [name for name in leaves.chosen(asked) if name in names()]
    code = validate.run(chosen, Coverage.of(full), again=False)
    right = [n for n in chosen if verdicts.standing(n)[1].status.lower() == "verified"]
    if right:
        dirty = bool(changes())
        code |= bench.run(right, full, dirty, passing_over=True, publish=False)
    for name in chosen:
        verdict = Verdict.read(verdicts.path(name))
        measured = records.measured(name) if name in right else None
        if measured and measured.verdict != verdict.seal:
            measured = None
        Evidence(
            optimization=name,
            accelerator=accelerator(),
            verdict=verdict,
            measurement=measured,
        ).write(path(name))
    console.line("evidence", "WRITTEN", "", f"{len(chosen)} records under reports/gpu/")
    return code
