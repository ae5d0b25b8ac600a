"""Processes that the tools start: their environment, their time limit, how they ended."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from time import perf_counter, sleep

import psutil

from tools.records.conditions import ALLOCATOR

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
TICK_S = 0.02  # between looks at a process's memory
FULL_PATH = re.compile(r"(?<![\w.])/(?:[^\s/()'\"]+/)+([^\s/()'\"]+/[^\s/()'\"]+)")


def environment(threads: int = 1) -> dict[str, str]:
    """Of a process that is timed: so many threads, and memory that others have not upset."""
    counts = dict.fromkeys(THREADS, str(threads))
    return ALLOCATOR | os.environ | counts | {"PYTHONHASHSEED": "0"}


def watched(
    words: list[str],
    log: Path,
    patience_s: float,
    env: Mapping[str, str],
    cwd: Path | None = None,
    look: Callable[[], None] = lambda: None,
) -> tuple[int, list[tuple[float, int]]]:
    """Run a command to its end, in a session of its own; what it prints goes to the log.

    ``look`` is called again and again meanwhile. Returns its exit code, and its resident bytes
    over time.

    Raises:
        TimeoutError: it did not end within its patience. It has ended now.
    """
    samples, began = [], perf_counter()
    with log.open("wb") as file:
        process = subprocess.Popen(
            words, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
            start_new_session=True,
        )  # fmt: skip
        try:
            seen = psutil.Process(process.pid)
            while process.poll() is None:
                if perf_counter() - began > patience_s:
                    raise TimeoutError(f"no end after {patience_s:g} s")
                with suppress(psutil.Error):  # it has just ended
                    samples.append((perf_counter(), seen.memory_info().rss))
                look()
                sleep(TICK_S)
        finally:
            end_group(process)
    return process.returncode, samples


def end_group(process: subprocess.Popen) -> None:
    """The process and whatever it forked and left behind."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def died(code: int, log: Path) -> str:
    """How a process without an answer ended, and the last thing that it printed."""
    text = log.read_bytes()[-4000:].decode("utf-8", "replace")
    lines = ["".join(c for c in t if c.isprintable()).strip() for t in text.splitlines()]
    last = next((near(line)[:200] for line in reversed(lines) if line), "it said nothing")
    how = (
        f"was killed by {signal.Signals(-code).name}"
        if code < 0
        else f"ended with exit code {code}"
    )
    return f"the program {how} without coming to its end: {last}"


def near(words: str) -> str:
    """Without the folders of this machine: of each full path its file and the folder it is in."""
    return FULL_PATH.sub(r"\1", words)
