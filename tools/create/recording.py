"""Runs a user's program once, in a process and in a copy of its project, and records it."""

from __future__ import annotations

import fcntl
import os
import pickle
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from groundspeed.tools.create import error_file
from groundspeed.tools.create.request import Request
from groundspeed.tools.process import died, environment, watched
from groundspeed.validation.records import digests
from groundspeed.validation.records.codes import Code
from groundspeed.validation.records.errors import Refused, WithCode

if TYPE_CHECKING:
    import torch

SKIPPED = {
    *(".git", ".venv", "venv", "node_modules", "site-packages", ".groundspeed", ".foreign"),
    *("__pycache__", ".tox", ".asv", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"),
}
# Of libraries that would write beside a source, or into the folder of the user.
CACHES = ("NUMBA_CACHE_DIR", "MPLCONFIGDIR", "TORCH_EXTENSIONS_DIR", "TORCHINDUCTOR_CACHE_DIR")
ENTRIES = 50_000  # of a project
MOST_BYTES = 8 << 30
SHARE_BLOCKS = 0x40049409  # FICLONE of Linux


class NotABaseline(Refused):
    """The program cannot be made a baseline; the message says why, in one line."""

    code = Code.BASELINE


class TooLarge(WithCode, ValueError):
    """A project of more files than are copied."""

    code = Code.LARGE


@dataclass(frozen=True)
class Recording:
    """What one run of the program used, left and took.

    Attributes:
        program: how it is run from the copies: `baselines.foreign.sandbox.Program`, as plain data.
        files: the user's files that it used, by their place among the copies.
        packages: versions of the installed packages that it imported.
        native: packages that were to be frozen and hold compiled code.
        notes: what else was seen and does no harm.
        step: fields and rule of the step function, see `tools.create.step_capture.rule`; of a
            whole run None.
        fields: numbers at the end, by name.
        start: the same before the first step.
        tables: what the caller sets anew for each call, a row a call.
        seen: least and largest value of the fields from which others follow, over the calls.
        windows: start, fields and tables of later calls, by name.
        left_out: names of the numbers that are seen and no fields, and why.
        wall_s, cpu_s: of the program, without starting Python and torch.
        tests_s: of that in the tests themselves, by pytest's own report.
        peak_bytes, mean_bytes: of the process.
    """

    program: dict
    files: dict[str, str]
    packages: dict[str, str]
    native: list[str]
    notes: list[str]
    step: dict | None
    fields: dict[str, torch.Tensor]
    start: dict[str, torch.Tensor]
    tables: dict[str, list[torch.Tensor]]
    seen: dict[str, tuple[float, float]]
    windows: dict[str, dict]
    left_out: dict[str, str]
    wall_s: float
    cpu_s: float
    tests_s: float | None
    peak_bytes: int
    mean_bytes: int


def record(request: Request, folder: Path) -> Recording:
    """Run the program once. The folder is made.

    Raises:
        NotABaseline: with what went wrong.
    """
    mirror(request, folder / "mirror" / request.home)
    (folder / "request").write_bytes(pickle.dumps(request))
    with unchanged(request):
        memory = run_apart("groundspeed.tools.create.worker", request, folder, request.patience_s)
    import torch  # late: what is refused is refused at once

    return Recording(
        **torch.load(folder / "answer", weights_only=True),
        peak_bytes=max(memory, default=0),
        mean_bytes=sum(memory) // max(1, len(memory)),
    )


def mirror(request: Request, top: Path) -> None:
    """A copy of the project to run in. Nothing in it is the user's own: where a file system can
    share the blocks of a copy until it is written, that costs nothing."""
    files = [*project_files(request.project)]
    total = sum(source.stat().st_size for source, _ in files)
    if total > MOST_BYTES:
        largest = max(files, key=lambda one: one[0].stat().st_size)[1]
        raise TooLarge(
            f"{request.project} holds {total / 1e9:.1f} GB, and a copy of at most "
            f"{MOST_BYTES / 1e9:.0f} GB is made to run in; the largest is {largest}; say where the "
            "project begins with --project DIR, or keep such files outside of it"
        )
    top.mkdir(parents=True)
    for source, place in files:
        (top / place).parent.mkdir(parents=True, exist_ok=True)
        copy(source, top / place)


def project_files(project: Path) -> Iterator[tuple[Path, Path]]:
    """Every file that may be the program's, and its place; links to folders are followed.

    Raises:
        TooLarge: it is no project.
    """
    count = 0
    for folder, folders, files in os.walk(project, followlinks=True):
        here = Path(folder)
        folders[:] = [f for f in folders if f not in SKIPPED and not f.endswith(".egg-info")]
        folders[:] = [
            f for f in folders if not (here / f).is_symlink() or not ring(project, here, f)
        ]
        count += len(files)
        if count > ENTRIES:
            raise TooLarge(
                f"{project} holds more than {ENTRIES} files; say where the project begins with "
                "--project DIR, or put a pyproject.toml or an empty pytest.ini beside the program"
            )
        for source in (here / file for file in files):
            if source.suffix != ".pyc" and source.is_file():
                yield source, source.relative_to(project)


def ring(project: Path, here: Path, name: str) -> bool:
    """Whether a link leads to a folder through which the way there has gone."""
    way = [here, *here.parents]
    passed = {os.path.realpath(p) for p in way[: way.index(project) + 1]}
    target = os.path.realpath(here / name)
    return any(f"{p}{os.sep}".startswith(f"{target}{os.sep}") for p in passed)


def copy(source: Path, place: Path) -> None:
    """A file of the same bytes, sharing them where the file system can."""
    with source.open("rb") as one, place.open("wb") as other:
        try:
            fcntl.ioctl(other, SHARE_BLOCKS, one.fileno())
        except OSError:
            shutil.copyfileobj(one, other, 1 << 20)
    shutil.copystat(source, place)


def stamps(project: Path) -> dict[Path, tuple[int, int, int]]:
    """Size, time and identity of every file of the project."""
    found = {place: source.stat() for source, place in project_files(project)}
    return {p: (s.st_size, s.st_mtime_ns, s.st_ino) for p, s in found.items()}


@contextmanager
def unchanged(request: Request) -> Iterator[None]:
    """Raise where the project is not as it was: the program has reached it by a full path."""
    before = stamps(request.project)
    try:
        yield
    finally:
        after = stamps(request.project)
        changed = sorted(p for p in {*before, *after} if before.get(p) != after.get(p))
        if changed:  # whatever else went wrong, this is what its owner must know
            raise NotABaseline(
                f"{request.target.text}: {changed[0]} of the project is another file than before "
                f"the run{f', and {len(changed) - 1} more' if len(changed) > 1 else ''}; let the "
                "program write by a path relative to its own folder",
                Code.PROJECT,
            )


def run_apart(
    module: str,
    request: Request,
    folder: Path,
    patience_s: float,
    cwd: Path | None = None,
    **more: str,
) -> list[int]:
    """Run a module of ours in a process of its own; its resident bytes over time.

    It is given the folder, and leaves ``answer`` there, or ``error``. The folder's name is a
    number: each run has another order of sets. ``more`` are variables of its environment.

    Raises:
        NotABaseline: the error, or how it ended without an answer.
    """
    where, log = request.target.text, folder / "log"
    env = environment() | {"OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": folder.name}
    env |= {"PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "Agg"}
    env |= {name: str(folder / "caches" / name) for name in CACHES} | more
    words = [sys.executable, "-m", module, str(folder)]
    try:
        code, samples = watched(words, log, patience_s, env, cwd or digests.ROOT)
    except TimeoutError as hung:
        raise NotABaseline(
            f"{where}: {hung}; give it a smaller problem, or say --patience-s "
            f"{10 * request.patience_s:.0f}",
            Code.PATIENCE,
        ) from None
    if problem := error_file.left(folder):
        raise NotABaseline(f"{where}: {printable(problem[0])}", problem[1])
    if not (folder / "answer").exists():
        raise NotABaseline(f"{where}: {died(code, log)}", Code.PROGRAM)
    return [memory for _, memory in samples]


def printable(text: str) -> str:
    """What a terminal can show of it, in one line."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
