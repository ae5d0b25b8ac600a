"""Envelopes that were measured before, kept by the digest of all that they rest on.

What is kept are the numbers of an envelope. The judge, the engine, the case, the start and
the machine are in the name: a changed byte of any is another name.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from baselines.engine import Case, Engine, State, describe

from . import digests, machine, seal
from .envelope import Envelope
from .errors import Distance
from .records import BrokenRecord, Record

FOLDER = digests.ROOT / ".groundspeed" / "envelopes"


class Kept(Record):
    """An envelope as it is filed."""

    allowed: dict[int, dict[str, tuple[float, float, float]]]
    horizon: dict[str, int | None]
    decided: dict[int, int]
    count: int


def place(engine: Engine, case: Case, start: State, at: list[int]) -> Path | None:
    """Where such an envelope is filed; nowhere for an engine that is not sealed."""
    try:
        sealed = seal.manifest(engine.name).seal
    except (seal.Sealed, OSError):
        return None
    rests_on = [digests.harness(), sealed, describe(case), digests.of_state(start), at]
    return FOLDER / f"{digests.of_plain([*rests_on, machine.machine()])}.json"


def envelope(
    engine: Engine, case: Case, start: State, at: list[int], measure: Callable[[], Envelope]
) -> Envelope:
    """The envelope on file, or a fresh one, which is then filed."""
    path = place(engine, case, start, at)
    if path is None:
        return measure()
    try:
        kept = Kept.read(path)
    except (FileNotFoundError, BrokenRecord):
        return filed(measure(), path)
    allowed = {n: {f: Distance(*d) for f, d in row.items()} for n, row in kept.allowed.items()}
    return Envelope(allowed, kept.horizon, kept.decided, count=kept.count)


def filed(found: Envelope, path: Path) -> Envelope:
    """``found``, after it was written down; a full disk costs only the time to measure again."""
    kept = Kept(
        allowed=found.allowed, horizon=found.horizon, decided=found.decided, count=found.count
    )
    try:
        kept.write(path)
    except OSError:
        path.unlink(missing_ok=True)
    return found
