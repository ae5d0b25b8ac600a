"""Processes that the tools start: programs that are watched, and workers that answer in JSON."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from time import perf_counter, sleep
from typing import Self, TextIO

import psutil

from groundspeed.tools.records.conditions import ALLOCATOR
from groundspeed.validation.machine import SWITCH
from groundspeed.validation.records import digests
from groundspeed.validation.records.codes import Code
from groundspeed.validation.records.errors import WithCode

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
PATIENCE_S = 300.0  # without a line from the process
TICK_S = 0.02  # between looks at a process's memory
FULL_PATH = re.compile(r"(?<![\w.])/(?:[^\s/()'\"]+/)+([^\s/()'\"]+/[^\s/()'\"]+)")


class Died(WithCode, RuntimeError):
    """The process ended or fell silent without an answer; the message says how."""

    code = Code.FAILED


def environment(threads: int = 1) -> dict[str, str]:
    """Of a process that is timed: so many threads, and memory that others have not upset."""
    counts = dict.fromkeys(THREADS, str(threads))
    waiting = {"OMP_WAIT_POLICY": "passive"} if threads > 1 else {}
    return ALLOCATOR | os.environ | counts | waiting | {"PYTHONHASHSEED": "0"}


def without_compiler_switches(variables: Mapping[str, str]) -> dict[str, str]:
    """What is timed is compiled as what was judged, whatever was forgotten in a shell."""
    return {name: value for name, value in variables.items() if not SWITCH.match(name)}


class Worker:
    """`python -m MODULE WORDS` in a process of its own, with the settings of `environment`."""

    def __init__(self, module: str, *words: str, threads: int = 1, patience_s: float = PATIENCE_S):
        self.patience_s = patience_s
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed with the process)
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=digests.ROOT,
            env=without_compiler_switches(environment(threads)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
        )
        self.answers = self.lines()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def ask(self, request: object):
        """One request, one answer.

        Raises:
            Died: there is none.
        """
        self.tell(request)
        for _, answer in self.answers:
            return answer
        raise Died(f"ended without an answer: {self.last_line}")

    def tell(self, words: object) -> None:
        """A line to the process; one that has ended need not know."""
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(words).encode() + b"\n")
            self.process.stdin.flush()

    def lines(self) -> Iterator[tuple[float, dict]]:
        """Each line of the process until it ends, with the clock when it came.

        Raises:
            Died: it fell silent, or ended with an error.
        """
        rest = b""
        while select.select([self.process.stdout], [], [], self.patience_s)[0]:
            now = perf_counter()
            part = os.read(self.process.stdout.fileno(), 1 << 20)
            if not part:
                if code := self.process.wait(self.patience_s):
                    raise Died(f"ended with {code}: {self.last_line}")
                return
            *lines, rest = (rest + part).split(b"\n")
            yield from ((now, json.loads(line)) for line in lines)
        raise Died(f"said nothing for {self.patience_s:.0f} s")

    @property
    def last_line(self) -> str:
        self.log.seek(0)
        return (self.log.read().strip().splitlines() or ["it said nothing"])[-1][:300]

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.log.close()


def pipes() -> tuple[TextIO, TextIO]:
    """In such a process, before anything is measured: the parent's end, for reading and writing.

    Both are copies of standard input and output: what code under test prints goes aside, and it
    finds nothing to read. torch takes as many threads as `environment` says.
    """
    import torch  # late: the parent may need none

    torch.set_num_threads(int(os.environ.get(THREADS[0], "1")))
    warnings.simplefilter("ignore")
    requests, out = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    return requests, out


def serve(answer: Callable[[dict], object]) -> None:
    """In such a process: an answer to each request."""
    requests, out = pipes()
    for line in requests:
        print(json.dumps(answer(json.loads(line))), file=out, flush=True)


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
        finally:  # the process, and whatever it forked and left behind
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return process.returncode, samples


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
