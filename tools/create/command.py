"""Command ``create``: a frozen baseline of any script, module, test or callable.

The program runs in processes of its own, each in a copy of its project: once to see what it
imports, reads and leaves, once more to see whether it does so again. What was seen is copied,
run from the copies, sealed, and only then moved into place.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tools import console
from tools.create.recording import Recording, record, run_apart
from tools.create.request import Request, place, read
from validation.records import digests

if TYPE_CHECKING:
    from tools.create.writer import Baseline


def run(text: str, as_json: bool = False, name: str = "", **asked) -> int:
    """The verb ``create``; nothing is left behind where it cannot be done."""
    request = read(text, name, **asked)
    with console.progress(f"creating {request.name}") as tell, scratch() as folder:
        tell("recording")
        first = record(request, folder / "1")
        from tools.create.agreement import refuse_difference, refuse_nothing  # late: torch
        from tools.create.writer import write

        refuse_nothing(text, first)
        tell("recording once more")
        second = plain = record(request, folder / "2")
        refuse_difference(text, first, second)
        if request != request.unwatched:
            tell("measuring")
            plain = record(request.unwatched, folder / "3")
        tell("running from the copies, and sealing")
        baseline = write(request, first, plain, folder / "4")
        verify(baseline)
        install(baseline)
    show(request, first, as_json)
    return 0


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards, whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix=f"groundspeed-create-{os.getpid()}-")).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def verify(baseline: Baseline) -> None:
    """Run it from the copies and seal it; raises where it does not give what was seen."""
    request, repository = baseline.request, baseline.repository
    patience_s, path = 10 * request.patience_s, str(digests.ROOT)
    run_apart(
        "tools.create.verify", request, repository, patience_s, cwd=repository, PYTHONPATH=path
    )


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


def show(request: Request, recording: Recording, as_json: bool) -> None:
    """What was frozen, and what to do next."""
    following = f"groundspeed new {request.stem}_idea --baseline {request.name}"
    if as_json:
        console.as_json({"engine": request.name, "fields": sorted(recording.fields),
                         "files": sorted(recording.files), "next": following})  # fmt: skip
        return
    kind = f"step {request.step}" if request.step else "whole run"
    words = f"{len(recording.files)} files, {len(recording.fields)} fields, {kind}"
    console.line(request.name, "FROZEN", "", f"{words}; next: {following}")
