"""Starts an instrument in its own process, watches it, and stops it in time."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import weakref
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import mkdtemp
from time import perf_counter, sleep

from tools.profiling.program.nvml import Graphics
from tools.profiling.program.profile_target import ProfileTarget
from validation.records.errors import NoInstrument, ProgramFailed

CHILD = Path(__file__).parents[1] / "worker.py"
TICK_S = 0.02
FULL_PATH = re.compile(r"(?<![\w.])/(?:[^\s/()'\"]+/)+([^\s/()'\"]+/[^\s/()'\"]+)")


class InstrumentRuns:
    """Runs of one target, each by one instrument, in a scratch folder that ends with it."""

    def __init__(self, target: ProfileTarget, patience_s: float, threads: int):
        self.target, self.patience_s, self.threads = target, patience_s, threads
        self.scratch, self.count = Path(mkdtemp(prefix="groundspeed-profile-")), 0
        weakref.finalize(self, shutil.rmtree, self.scratch, ignore_errors=True)

    def run(self, instrument: str, prefix: tuple[str, ...] = (), **spec) -> dict:
        """What the instrument found; ``prefix`` is a command that starts the process.

        Raises:
            ProgramFailed: the program failed, hung or died.
        """
        self.count += 1
        place = self.scratch / f"{self.count}_{instrument}"
        out = place.with_suffix(".json")
        told = {"target": asdict(self.target), "instrument": instrument, "threads": self.threads}
        place.with_suffix(".spec").write_text(json.dumps(told | spec | {"out": str(out)}))
        words = [*prefix, sys.executable, str(CHILD), str(place.with_suffix(".spec"))]
        log = place.with_suffix(".log")
        with log.open("wb") as file:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                env=environment(self.threads), start_new_session=True,
            )  # fmt: skip
            samples, graphics = self.watch(process)
        if not out.exists():
            raise ProgramFailed(died(process.returncode, log))
        found = json.loads(out.read_text())
        if "error" in found:
            raise ProgramFailed(found["error"])
        return found["found"] | {"samples": samples, "graphics": graphics}

    def watch(self, process: subprocess.Popen) -> tuple[list, list]:
        """Resident bytes over time, and what the GPU says; ends the process when it hangs."""
        samples, began = [], perf_counter()
        page = os.sysconf("SC_PAGE_SIZE")
        statm = Path(f"/proc/{process.pid}/statm")
        with Graphics() as graphics:
            try:
                while process.poll() is None:
                    if perf_counter() - began > self.patience_s:
                        raise ProgramFailed(
                            f"{self.target.name} did not end within {self.patience_s:g} s; "
                            "give it more with --patience-s, or a smaller case"
                        )
                    with suppress(
                        OSError, ValueError, IndexError
                    ):  # it has just ended, or there is no /proc
                        samples.append((perf_counter(), int(statm.read_text().split()[1]) * page))
                    graphics.sample()
                    sleep(TICK_S)
            finally:
                end_group(process)
        return samples, graphics.samples


def end_group(process: subprocess.Popen) -> None:
    """The process and whatever it forked and left behind."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def environment(threads: int) -> dict[str, str]:
    fixed = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), str(threads))
    fixed |= {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "agg"}
    fixed |= {"TORCHINDUCTOR_COMPILE_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    return os.environ | fixed


def died(code: int, log: Path) -> str:
    """How a process without an answer ended, and the last thing that it printed."""
    text = log.read_bytes()[-4000:].decode("utf-8", "replace")
    lines = ["".join(c for c in t if c.isprintable()).strip() for t in text.splitlines()]
    last = next((near(line)[:200] for line in reversed(lines) if line), "it said nothing")
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return f"the program {how} without coming to its end: {last}"


def near(words: str) -> str:
    """Without the folders of this machine: of each full path its file and the folder it is in."""
    return FULL_PATH.sub(r"\1", words)


def tool(name: str) -> str:
    """Path of a command of this environment.

    Raises:
        NoInstrument: it is not installed.
    """
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if not found:
        raise NoInstrument(f"{name} is not installed")
    return found
