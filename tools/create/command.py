"""Command ``create``: a frozen baseline of any script, module, test or callable.

The program runs in processes of its own, each in a copy of its project: once to see what it
imports, reads and leaves, once more to see whether it does so again. What was seen is copied,
run from the copies, sealed, and only then moved into place.
"""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from groundspeed import project
from groundspeed.tools import console
from groundspeed.tools.create.recording import Recording, record, run_apart
from groundspeed.tools.create.request import Request, place, read
from groundspeed.tools.records.answers import Created
from groundspeed.validation.records import digests

if TYPE_CHECKING:
    from groundspeed.tools.create.writer import Baseline, Findings

FOLDERS = 4  # of the first run; those of further ones come after
SHOWN = 12  # of what is not compared, on the command line


def run(text: str, as_json: bool = False, name: str = "", **asked) -> int:
    """The verb ``create``; nothing is left behind where it cannot be done."""
    request = read(text, name, **asked)
    with console.progress(f"creating {request.name}") as tell, scratch() as folder:
        tell("recording")
        recordings, plain = {}, None
        for asked in runs_of(request):
            plain = recorded_twice(asked, folder, recordings, tell)
        first = recordings[request.case]
        if request != request.unwatched:
            tell("measuring")
            plain = record(request.unwatched, folder / "3")
        tell("running from the copies, and sealing")
        from groundspeed.tools.create.writer import write  # late: torch

        baseline = write(request, recordings, plain, folder / "4")
        findings = verify(baseline)
        install(baseline)
    show(request, first, findings, as_json)
    return 0


def runs_of(request: Request) -> list[Request]:
    """What is recorded: the run itself, and each further one that is named."""
    more = [replace(request, case=name, arguments=words) for name, words in request.more]
    return [request, *more]


def recorded_twice(
    request: Request, folder: Path, recordings: dict[str, Recording], tell
) -> Recording:
    """The second of two recordings, which agree; the first is put among the others.

    Raises:
        NotABaseline: they do not, or it is another step than the first named run's.
    """
    where = request.target.text + (f", case {request.case}" if recordings else "")
    number = 2 * len(recordings) + FOLDERS * bool(recordings)
    tell("recording")
    first = record(request, folder / f"{number + 1}")
    from groundspeed.tools.create.agreement import (
        refuse_difference,
        refuse_nothing,
        refuse_other,
        without_seconds,
    )  # late: torch

    refuse_nothing(where, first, request.target.main)
    tell("recording once more")
    opening = first.step["opening"] if first.step else None
    second = record(replace(request, opening=opening), folder / f"{number + 2}")
    first = without_seconds(first, second, request.outputs)
    refuse_difference(where, first, second)
    for other in list(recordings.values())[:1]:
        refuse_other(where, other, first)
    recordings[request.case] = first
    return second


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards, whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix=f"groundspeed-create-{os.getpid()}-")).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def verify(baseline: Baseline) -> Findings:
    """Run it from the copies and seal it; raises where it does not give what was seen."""
    request, repository = baseline.request, baseline.repository
    (repository / "made").write_bytes(pickle.dumps(baseline))
    patience_s, path = 10 * request.patience_s, str(project.PACKAGE.parent)
    run_apart(
        "groundspeed.tools.create.verify",
        request,
        repository,
        patience_s,
        cwd=repository,
        PYTHONPATH=path,
        GROUNDSPEED_ROOT=str(repository),
    )
    return pickle.loads((repository / "answer").read_bytes())


def install(baseline: Baseline) -> None:
    """Beside its place first, then renamed into it: a reader sees all or nothing."""
    name = baseline.request.name
    waiting = digests.ROOT / ".groundspeed" / f"{name}.{os.getpid()}.tmp"
    waiting.parent.mkdir(exist_ok=True)
    try:
        shutil.copytree(baseline.folder, waiting, ignore=shutil.ignore_patterns("__pycache__"))
        if place(baseline.request).exists():
            raise ValueError(f"baselines/{name} exists now; take another with --name")
        waiting.rename(place(baseline.request))
    finally:
        shutil.rmtree(waiting, ignore_errors=True)


def show(request: Request, recording: Recording, findings: Findings, as_json: bool) -> None:
    """What was frozen, what is not compared, and what to do next."""
    following = f"groundspeed new {request.stem}_idea --baseline {request.name}"
    if as_json:
        console.as_json(Created(
            engine=request.name, fields=sorted(recording.fields), files=sorted(recording.files),
            left_out=recording.left_out, unmoved=findings.unmoved, dropped=findings.dropped,
            next=following,
        ))  # fmt: skip
        return
    kind = f"step {request.step}" if request.step else "whole run"
    files, fields = len(recording.files), len(recording.fields)
    words = f"{files} file{'s' * (files != 1)}, {fields} field{'s' * (fields != 1)}, {kind}"
    console.line(request.name, "FROZEN", "", f"{words}; next: {following}")
    for line in limits(recording, findings):
        console.line("", "", "", line)


def limits(recording: Recording, findings: Findings) -> Iterator[str]:
    """What this baseline cannot tell, a line each."""
    if not recording.step:
        yield "one run was compared: what other inputs would give is unknown"
    if findings.unmoved and not recording.step:
        yield (f"only inputs or constants, which no function of the program moves: "
               f"{', '.join(findings.unmoved[:SHOWN])}")  # fmt: skip
    rows = [f"{name} {why}" for name, why in recording.left_out.items()]
    for row in rows[:SHOWN]:
        yield f"not compared: {row}"
    if len(rows) > SHOWN:
        yield f"not compared: {len(rows) - SHOWN} more; report.md of the baseline names them"
    for name in findings.dropped:
        yield f"not judged: the later calls {name}, which need more than their numbers"
    if not findings.rounds:
        yield "it stops under random rounding: claim exact or approximate"
