"""Cache of baseline runs, of envelopes and of allowances on this machine.

What is kept is named by the digest of all that it rests on: the judge, the engine, the case,
the start and the machine. A changed byte of any is another name, and a file that does not
hold what was written, or has another end than the sealed one, is made again. What is small is
kept; a full disk costs only time.
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import torch

from groundspeed import baselines
from groundspeed.baselines.engine import Case, Engine, State, describe, fields
from groundspeed.validation import machine
from groundspeed.validation.golden import golden_values, manifest
from groundspeed.validation.records import digests, tensor_files
from groundspeed.validation.records.base import BrokenRecord, Record
from groundspeed.validation.reference import trajectory
from groundspeed.validation.reference.distance import Distance
from groundspeed.validation.reference.envelope import Envelope
from groundspeed.validation.reference.trajectory import Reference, States

FOLDER = digests.ROOT / ".groundspeed" / "kept"
Allowances = dict[int, dict[str, Distance]]  # by the number of steps, by field
MOST_BYTES = 1 << 29  # of a run's states; larger ones are made anew


class KeptEnvelope(Record):
    """An envelope as it is filed."""

    envelope: Envelope


class KeptAllowances(Record):
    """What fields may be off, by the number of steps, as it is filed."""

    allowed: Allowances


R = TypeVar("R", bound=Record)


def place(engine: Engine, case: Case, start: State, at: list[int], what: str) -> Path | None:
    """Where such a result is filed; nowhere for an engine that is not the sealed one."""
    try:
        sealed = manifest.manifest(engine.name).seal
        if engine is not baselines.load(engine.name):
            return None
    except (manifest.Sealed, OSError, LookupError):
        return None
    harness = digests.harness()
    rests_on = [harness, sealed, describe(case), digests.of_state(start), at, machine.machine()]
    rests_on.append(torch.get_num_threads())  # other sums: another bit
    return FOLDER / harness[:16] / f"{digests.of_plain(rests_on)}.{what}"


def reference(engine: Engine, case: Case, start: State, again: bool = False) -> Reference:
    """The frozen run of a case; with ``again`` it is made whatever is on file."""
    at = trajectory.stops(case)
    return Reference(case, {0: start} | along(engine, case, start, at, again))


def along(engine: Engine, case: Case, start: State, at: list[int], again: bool = False) -> States:
    """`trajectory.along`, or what it gave before."""
    path = place(engine, case, start, at, "safetensors")
    known = None if again or path is None else states_on_file(path, type(start), at)
    if known is not None and believed(engine, case, start, known):
        return known
    found = trajectory.along(engine, case, start, at)
    if path is not None and keeps(start, at):
        named = {f"{n}/{k}": t for n, state in found.items() for k, t in fields(state).items()}
        with suppress(OSError):
            make_room(path)
            tensor_files.save(path, named, {"states": of_states(found)})
    return found


def keeps(start: State, at: list[int]) -> bool:
    """Whether so many states of that size are kept."""
    return len(at) * sum(t.numel() * t.element_size() for t in start) <= MOST_BYTES


def states_on_file(path: Path, kind: type, at: list[int]) -> States | None:
    """The states in the file, if they are those that were written."""
    try:
        named = tensor_files.load(path)
        found = {n: kind(*(named[f"{n}/{name}"] for name in kind._fields)) for n in at}
        return found if tensor_files.metadata(path)["states"] == of_states(found) else None
    except Exception:  # whatever is wrong with the file, there is no answer in it
        return None


def believed(engine: Engine, case: Case, start: State, found: States) -> bool:
    """Whether the end of what is on file is the sealed one, where that run is sealed."""
    if case.steps not in found:
        return True
    seal, end = manifest.manifest(engine.name), found[case.steps]
    folder = manifest.place(engine.name)
    return golden_values.is_sealed_end(engine, seal, folder, case, start, end)


def of_states(found: States) -> str:
    return digests.of_plain([digests.of_state(found[n]) for n in sorted(found)])


def envelope(
    engine: Engine, case: Case, start: State, at: list[int], measure: Callable[[], Envelope]
) -> Envelope:
    """The envelope on file, or a fresh one, which is then filed."""
    path = place(engine, case, start, at, "json")
    return on_file(KeptEnvelope, path, lambda: KeptEnvelope(envelope=measure())).envelope


def allowances(
    engine: Engine, case: Case, start: State, at: list[int], measure: Callable[[], Allowances]
) -> Allowances:
    """What fields may be off, as it is on file, or measured now and then filed."""
    path = place(engine, case, start, at, "allowed.json")
    return on_file(KeptAllowances, path, lambda: KeptAllowances(allowed=measure())).allowed


def on_file(kind: type[R], path: Path | None, measure: Callable[[], R]) -> R:
    """The record in that file, or a fresh one, which is then filed there."""
    if path is None:
        return measure()
    with suppress(FileNotFoundError, BrokenRecord):
        return kind.read(path)
    found = measure()
    with suppress(OSError):
        make_room(path)
        found.write(path)
    return found


def make_room(path: Path) -> None:
    """A folder for this judge's results; what other judges kept is of no use any more."""
    if path.parent.is_dir():
        return
    for older in path.parent.parent.glob("*"):
        shutil.rmtree(older, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
