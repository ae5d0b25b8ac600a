"""What on file still says something about today's code, on this machine. Imports no torch."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tools import records
from tools.conditions import conditions
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


def clock_digest() -> str:
    """Of the measuring code: another method gives another number."""
    here = Path(__file__).parent
    files = (
        "clock.py",
        "contenders.py",
        "fingerprints.py",
        "gathered.py",
        "phases.py",
        "rounds.py",
        "statistics.py",
        "stopwatch.py",
        "timekeeper.py",
    )
    return digests.of_files([here / f for f in files])


def forget() -> None:
    """Ask the files again: a record was written since."""
    judged.cache_clear()
    measured.cache_clear()
    here.cache_clear()


@cache
def here() -> str:
    """The comparability key of this machine, now."""
    return conditions().key


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
    """Where an optimization stands: `validation.verdicts.standing`, asked once."""
    return verdicts.standing(name, coverage)


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
    if found.verdict_digests != verdict.digests or found.clock != clock_digest():
        return None
    if found.conditions.key != here():
        return None
    return found if set(timed_cases(verdict, full)) <= set(found.cases) else None
