"""A run of a user's program in a process of its own, watched from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from tools.create import Wish

OBSERVER = Path(__file__).with_name("observer.py")
EVERY_S = 0.02  # between looks at the process's memory
SAID = 1 << 14  # bytes that are kept of what the program prints


class Failed(RuntimeError):
    """The program cannot be made a baseline; the message says why, in one line."""


@dataclass
class Observed:
    """What one run left, and what it took, seen from outside."""

    answer: dict[str, Any]
    numbers: dict[str, Any]
    wall_s: float  # of the program, without starting Python and torch
    cpu_s: float
    peak_bytes: int  # of the process
    mean_bytes: int
    before_bytes: int  # before the program: Python, torch, numpy


def observe(specification: dict, wish: Wish, folder: Path, number: int) -> Observed:
    """Run the program once.

    Raises:
        Failed: with what went wrong.
    """
    told, answer, numbers = (folder / f"{k}{number}" for k in ("spec", "answer", "numbers"))
    told.write_text(json.dumps(specification | {"answer": str(answer), "numbers": str(numbers)}))
    process = subprocess.Popen(
        [sys.executable, "-B", str(OBSERVER), str(told)],
        cwd=specification["mirror"],
        env=environment(number),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        said, memory = followed(process, wish)
    finally:
        end(process)
    where = wish.target.text
    if not answer.exists():
        raise Failed(f"{where}: {last_words(process.returncode, said)}")
    found = json.loads(answer.read_text())
    refuse(where, wish, found)
    import torch  # late: what is refused is refused at once

    return Observed(
        answer=found,
        numbers=torch.load(numbers, weights_only=True),
        wall_s=found["wall_s"],
        cpu_s=found["cpu_s"],
        peak_bytes=max(memory, default=0),
        mean_bytes=sum(memory) // max(1, len(memory)),
        before_bytes=0,
    )


def environment(number: int) -> dict[str, str]:
    """One thread, no bytecode, and another order of sets each time."""
    only = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return os.environ | dict.fromkeys(only, "1") | {
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": str(number),
        "MPLBACKEND": "Agg",
    }  # fmt: skip


def followed(process: subprocess.Popen, wish: Wish) -> tuple[bytes, list[int]]:
    """What the process printed last, and its memory over time; raises where it hangs."""
    said: deque[bytes] = deque(maxlen=16)

    def drain() -> None:
        while chunk := os.read(process.stdout.fileno(), SAID // 16):
            said.append(chunk)

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    memory, until = [], time.monotonic() + wish.patience_s
    while process.poll() is None:
        if time.monotonic() > until:
            raise Failed(
                f"{wish.target.text}: no end after {wish.patience_s:.0f} s; give it a smaller "
                f"problem, or say --patience-s {10 * wish.patience_s:.0f}"
            )
        try:
            memory.append(psutil.Process(process.pid).memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(EVERY_S)
    process.wait()
    reader.join(1.0)
    return b"".join(said), memory


def end(process: subprocess.Popen) -> None:
    """The process and whatever it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def last_words(code: int, said: bytes) -> str:
    """How a process ended that gave no answer."""
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    clean = "".join(c if c.isprintable() else "?" for c in lines[-1])[:200] if lines else ""
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return f"the process {how} before the program was through: {clean or 'it said nothing'}"


def refuse(where: str, wish: Wish, found: dict) -> None:
    """Raise where the program did not give what a baseline needs."""
    if "error" in found:
        raise Failed(f"{where}: {found['error']}")
    for name, have in found["missed"].items():
        raise Failed(f"{where}: no function {name} in what it imports; that module has {have}"
                     if have else f"{where}: no function {name} in what it imports; the module "
                     "is not among them")  # fmt: skip
    for part in ("step", "left"):
        if "error" in found.get(part, {}):
            raise Failed(f"{where}: {found[part]['error']}")
