"""What on file still says something about today's code, on this machine.

Imports no torch, but where only a build of it for CUDA can tell whether there is a device.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from tools import records
from tools.conditions import timing_conditions
from tools.records import Measurement
from validation import digests, machine, seal, verdicts
from validation.coverage import Coverage
from validation.records import BrokenRecord, Record
from validation.verdicts import Status, Verdict


class Refused(RuntimeError):
    """Not measured, or measured and thrown away; the message says why and what to do."""


class Checked(Record):
    """That a baseline was found to be what was sealed, and by what."""

    engine: str
    full: bool
    words: str
    rests_on: dict[str, str]


CLOCK = (
    "clock",
    "contenders",
    "fingerprints",
    "gathered",
    "phases",
    "plausibility",
    "rounds",
    "statistics",
    "stopwatch",
    "timekeeper",
    "witness",
    "witness_worker",
)
RELIED_ON = (  # of validation/: what timed answers are held to, and what the clock reads it by
    "bench",
    "digests",
    "errors",
    "findings",
    "isolation",
    "leaves",
    "seal",
    "surroundings",
    "tensors",
    "threads",
    "trajectory",
    "verdicts",
)


def clock_digest() -> str:
    """Of the measuring code and what it relies on: another method gives another number."""
    return digest_of(CLOCK, RELIED_ON)


def digest_of(tools: Iterable[str], validation: Iterable[str]) -> str:
    """Of these modules, and of the contract of all engines."""
    root = digests.ROOT
    own = [root / "tools" / f"{name}.py" for name in tools]
    others = [root / "validation" / f"{name}.py" for name in validation]
    return digests.of_files([*own, *others, *(root / "baselines").glob("*.py")])


def timed_code(rests_on: dict[str, str]) -> dict[str, str]:
    """What a speed hangs on, of all that a verdict rests on: everything but the judge.

    Another judge has to judge again before a speed is shown; the seconds stay what they were.
    """
    return {key: digest for key, digest in rests_on.items() if key != "judge"}


def forget() -> None:
    """Ask the files again: a record was written since."""
    judged.cache_clear()
    measured.cache_clear()
    here.cache_clear()


@cache
def here() -> str:
    """The comparability key of this machine, now."""
    return timing_conditions().key


def checked_path(name: str, root: Path = digests.ROOT) -> Path:
    return root / "reports" / "checks" / f"{name}.json"


def foundations(name: str) -> dict[str, str]:
    """What a check of a baseline rests on.

    Raises:
        Sealed: it is not frozen.
    """
    golden = seal.place(name) / "golden.safetensors"
    return {
        "seal": seal.manifest(name).seal,
        "sources": digests.of_plain(seal.source_digests(name)),
        "golden": digests.of_file(golden) if golden.exists() else "missing",
        "judge": digests.harness(),
        **machine.machine(),
    }


def checked(name: str, full: bool = False) -> Checked | None:
    """The last check of a baseline, if nothing has changed since."""
    try:
        found = Checked.read(checked_path(name))
        current = foundations(name)
    except (FileNotFoundError, BrokenRecord, seal.Sealed):
        return None
    return found if found.rests_on == current and (found.full or not full) else None


@cache
def judged(name: str, coverage: Coverage = Coverage.EVERYDAY) -> tuple[Status, Verdict | None, str]:
    """Where an optimization stands: `validation.verdicts.standing`, asked once.

    One that the machine could not run goes stale when it can.
    """
    status, verdict, reason = verdicts.standing(name, coverage)
    if status is Status.UNAVAILABLE and not machine.missing(tuple(verdict.needs)):
        told = f"{', '.join(verdict.needs)}: here now; run: groundspeed validate {name}"
        return Status.STALE, verdict, told
    return status, verdict, reason


def timed_cases(verdict: Verdict, full: bool) -> list[str]:
    """Cases that the clock measures: those that were judged and are meant for it."""
    cases = seal.manifest(verdict.engine).answers
    return [n for n in verdict.cases if cases[n].case["timed"] and (cases[n].case["quick"] or full)]


@cache
def measured(name: str, full: bool = False) -> Measurement | None:
    """The measurement on file if it still says something about this code on this machine."""
    found = records.measured(name)
    status, verdict, _ = judged(name)
    if found is None or status is not Status.VERIFIED or verdict is None:
        return None
    if timed_code(found.verdict_digests) != timed_code(verdict.digests):
        return None
    if found.clock != clock_digest() or found.conditions.key != here():
        return None
    return found if set(timed_cases(verdict, full)) <= set(found.cases) else None
