"""Runs a user's program in its own process, with a time limit."""

from __future__ import annotations

import atexit
import functools
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from select import select
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from tools.create.request import Request

OBSERVER = Path(__file__).with_name("worker.py")
EVERY_S = 0.02  # between looks at the process's memory
SAID = 1 << 14  # bytes that are kept of what the program prints
PATIENCE_S = 10.0  # with a process that was killed
NUMBER = struct.Struct("i")  # a process's number, then how it ended


class NotABaseline(RuntimeError):
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


def observe(specification: dict, request: Request, folder: Path, number: int) -> Observed:
    """Run the program once.

    Raises:
        NotABaseline: with what went wrong.
    """
    told, answer, numbers = (folder / f"{k}{number}" for k in ("spec", "answer", "numbers"))
    told.write_text(json.dumps(specification | {"answer": str(answer), "numbers": str(numbers)}))
    run = ground(number % 2).start(told, Path(specification["mirror"]))
    try:
        said, memory = followed(run, request)
    finally:
        run.end()
    where = request.target.text
    if not answer.exists():
        raise NotABaseline(f"{where}: {last_words(run.code, said)}")
    found = json.loads(answer.read_text())
    refuse(where, request, found)
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
    """One thread, no bytecode, and an order of sets of its own."""
    only = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return os.environ | dict.fromkeys(only, "1") | {
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": str(number + 1),
        "MPLBACKEND": "Agg",
    }  # fmt: skip


class Ground:
    """A process that has numpy and torch loaded, and forks one for each run.

    The order of sets is settled when Python starts, so each order has a ground of its own.
    """

    def __init__(self, number: int):
        self.channel, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-B", str(OBSERVER), str(theirs.fileno())],
                env=environment(number),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        atexit.register(self.end)

    def start(self, specification: Path, folder: Path) -> RecordingRun:
        """A run of this specification, in this folder."""
        words, theirs = os.pipe()
        request = json.dumps([str(specification), str(folder)]).encode()
        try:
            socket.send_fds(self.channel, [request], [theirs])
            return RecordingRun(self.number(), words, self.channel)
        except OSError:
            os.close(words)
            raise NotABaseline("the observing process could not be started; see above") from None
        finally:
            os.close(theirs)

    def number(self) -> int:
        told = self.channel.recv(NUMBER.size, socket.MSG_WAITALL)
        if len(told) < NUMBER.size:
            raise OSError("no answer")
        return NUMBER.unpack(told)[0]

    def end(self) -> None:
        self.channel.close()
        self.process.kill()
        self.process.wait()


ground = functools.cache(Ground)  # started when it is first asked for; ends with this process


@dataclass
class RecordingRun:
    """A forked process: what it says, and how it ended once it has."""

    pid: int
    words: int  # a file descriptor
    channel: socket.socket
    code: int | None = None

    def ended(self, within_s: float) -> bool:
        if self.code is None and select([self.channel], [], [], within_s)[0]:
            told = self.channel.recv(NUMBER.size, socket.MSG_WAITALL)
            self.code = NUMBER.unpack(told)[0] if told else -signal.SIGKILL
        return self.code is not None

    def end(self) -> None:
        """The process and whatever it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.ended(PATIENCE_S)


def followed(run: RecordingRun, request: Request) -> tuple[bytes, list[int]]:
    """What the process printed last, and its memory over time; raises where it hangs."""
    said: deque[bytes] = deque(maxlen=16)

    def drain() -> None:
        while chunk := os.read(run.words, SAID // 16):
            said.append(chunk)
        os.close(run.words)

    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    memory, until = [], time.monotonic() + request.patience_s
    while not run.ended(EVERY_S):
        if time.monotonic() > until:
            raise NotABaseline(
                f"{request.target.text}: no end after {request.patience_s:.0f} s; give it a "
                "smaller "
                f"problem, or say --patience-s {10 * request.patience_s:.0f}"
            )
        with suppress(psutil.NoSuchProcess):  # it has just ended
            memory.append(psutil.Process(run.pid).memory_info().rss)
    reader.join(1.0)
    return b"".join(said), memory


def last_words(code: int, said: bytes) -> str:
    """How a process ended that gave no answer."""
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    clean = printable(lines[-1])[:200] if lines else ""
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return f"the process {how} before the program was through: {clean or 'it said nothing'}"


def printable(text: str) -> str:
    """What a terminal can show of it, in one line."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def refuse(where: str, request: Request, found: dict) -> None:
    """Raise where the program did not give what a baseline needs."""
    if "error" in found:
        raise NotABaseline(f"{where}: {printable(found['error'])}")
    for name, have in found["missed"].items():
        raise NotABaseline(f"{where}: no function {name} in what it imports; that module has {have}"
                     if have else f"{where}: no function {name} in what it imports; the module "
                     "is not among them")  # fmt: skip
    for part in ("step", "left"):
        if "error" in found.get(part, {}):
            raise NotABaseline(f"{where}: {found[part]['error']}")
