"""Runs a user's program once, in a process and in a copy of its project, and records it."""

from __future__ import annotations

import os
import pickle
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.create.request import Request
from tools.process import died, environment, watched
from validation.records import digests

if TYPE_CHECKING:
    import torch

SKIPPED = {
    *(".git", ".venv", "venv", "node_modules", "site-packages", ".groundspeed", ".foreign"),
    *("__pycache__", ".tox", ".asv", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"),
}
COPIED = 1 << 20  # files up to here are copied into the mirror, larger ones linked
ENTRIES = 50_000  # of a project
EXTRA_COPIES = (".py", ".toml", ".cfg", ".ini", ".json", ".yaml", ".yml", ".txt")


class NotABaseline(RuntimeError):
    """The program cannot be made a baseline; the message says why, in one line."""


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
    mirror(request, folder / "mirror" / "project")
    (folder / "request").write_bytes(pickle.dumps(request))
    memory = run_apart("tools.create.worker", request, folder, request.patience_s)
    import torch  # late: what is refused is refused at once

    return Recording(
        **torch.load(folder / "answer", weights_only=True),
        peak_bytes=max(memory, default=0),
        mean_bytes=sum(memory) // max(1, len(memory)),
    )


def mirror(request: Request, top: Path) -> None:
    """A copy of the project to run in: small files copied, large ones linked."""
    top.mkdir(parents=True)
    count = 0
    for folder, folders, files in os.walk(request.project):
        folders[:] = [f for f in folders if f not in SKIPPED and not f.endswith(".egg-info")]
        here = top / os.path.relpath(folder, request.project)
        here.mkdir(exist_ok=True)
        count += len(files)
        if count > ENTRIES:
            raise ValueError(
                f"{request.project} holds more than {ENTRIES} files; put a pyproject.toml or an "
                "empty pytest.ini beside the program to say where its project begins"
            )
        for source in (Path(folder, file) for file in files):
            if source.suffix == ".pyc" or not source.exists():
                continue
            if source.suffix in EXTRA_COPIES and source.stat().st_size <= COPIED:
                shutil.copy(source, here)
            else:
                (here / source.name).symlink_to(source.resolve())


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
    env |= {"PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "Agg"} | more
    words = [sys.executable, "-m", module, str(folder)]
    try:
        code, samples = watched(words, log, patience_s, env, cwd or digests.ROOT)
    except TimeoutError as hung:
        raise NotABaseline(
            f"{where}: {hung}; give it a smaller problem, or say --patience-s "
            f"{10 * request.patience_s:.0f}"
        ) from None
    if (folder / "error").exists():
        raise NotABaseline(f"{where}: {printable((folder / 'error').read_text())}")
    if not (folder / "answer").exists():
        raise NotABaseline(f"{where}: {died(code, log)}")
    return [memory for _, memory in samples]


def printable(text: str) -> str:
    """What a terminal can show of it, in one line."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))
