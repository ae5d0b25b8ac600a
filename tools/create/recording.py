"""Runs a user's program once, in a process and in a copy of its project, and records it."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from groundspeed.tools.create import error_file
from groundspeed.tools.create.request import Request
from groundspeed.tools.process import died, environment, watched
from groundspeed.tools.user_program.project_copy import changed, mirror, stamps
from groundspeed.validation.records import digests
from groundspeed.validation.records.codes import Code
from groundspeed.validation.records.errors import Refused

if TYPE_CHECKING:
    import torch

# Of libraries that would write beside a source, or into the folder of the user.
CACHES = ("NUMBA_CACHE_DIR", "MPLCONFIGDIR", "TORCH_EXTENSIONS_DIR", "TORCHINDUCTOR_CACHE_DIR")


class NotABaseline(Refused):
    """The program cannot be made a baseline; the message says why, in one line."""

    code = Code.BASELINE


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
    mirror(request.project, folder / "mirror" / request.home)
    (folder / "request").write_bytes(pickle.dumps(request))
    with unchanged(request):
        memory = run_apart("groundspeed.tools.create.worker", request, folder, request.patience_s)
    import torch  # late: what is refused is refused at once

    return Recording(
        **torch.load(folder / "answer", weights_only=True),
        peak_bytes=max(memory, default=0),
        mean_bytes=sum(memory) // max(1, len(memory)),
    )


@contextmanager
def unchanged(request: Request) -> Iterator[None]:
    """Raise where the project is not as it was: the program has reached it by a full path."""
    before = stamps(request.project)
    try:
        yield
    finally:
        if problem := changed(before, stamps(request.project)):
            raise NotABaseline(f"{request.target.text}: {problem}", Code.PROJECT)


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
