"""The judge's side of the wall: an optimization in a process of its own, with a time limit."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Self

import psutil

from baselines.engine import State, fields

from . import digests, tensors

PATIENCE_S = 120.0  # for one request: imports, compilation, steps


class Failed(RuntimeError):
    """The candidate died, hung, raised, or did what a candidate may not do."""


def scratch_folder() -> Path:
    """In memory where the system offers it; what killed judges left behind is removed."""
    base = Path("/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir())
    for left in base.glob("groundspeed-*-*"):
        owner = left.name.split("-")[1]
        if not psutil.pid_exists(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"groundspeed-{os.getpid()}-", dir=base))


class Candidate:
    """An optimization behind a pipe: `after` asks it for states, in files.

    ``name`` is a folder under optimizations/, or "=" and a baseline's name.
    """

    def __init__(self, name: str, root: Path = digests.ROOT, threads: int = 1):
        self.name, self.root, self.threads = name, root, threads

    def __enter__(self) -> Self:
        self.scratch = scratch_folder()
        self.log = (self.scratch / "log").open("w+")
        only = {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"}
        environment = os.environ | dict.fromkeys(only, str(self.threads))
        environment |= {"PYTHONHASHSEED": "0", "GROUNDSPEED_THREADS": str(self.threads)}
        environment["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # else it forks a pool of its own
        self.process = subprocess.Popen(
            [sys.executable, "-m", "validation.candidate", self.name],
            cwd=self.root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.communicate()
        self.log.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def after(
        self,
        case: str,
        state: State,
        at: list[int],
        truth: bool = False,
        guard: bool = False,
        sabotage: str = "",
        patience_s: float = PATIENCE_S,
    ) -> dict[int, State]:
        """Observed states after each number of steps in ``at``, starting from ``state``.

        Raises:
            Failed: with the reason, in one line.
        """
        given, out = self.scratch / "given", self.scratch / "out"
        tensors.save(given, fields(state))
        kind = type(state)
        answer = self.ask(
            {
                "case": case,
                "truth": truth,
                "type": f"{kind.__module__}.{kind.__qualname__}",
                "in": str(given),
                "out": str(out),
                "at": at,
                "guard": guard,
                "sabotage": sabotage,
            },
            patience_s,
        )
        if answer["changed"]:
            raise Failed(f"changed global state: {', '.join(answer['changed'])}")
        if answer["touched"]:
            raise Failed("changed the state that it was given, and does not declare in_place")
        found = tensors.load(out)
        return {n: kind(*(found[f"{n}/{name}"] for name in kind._fields)) for n in at}

    def ask(self, request: dict, patience_s: float) -> dict:
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(self.last_words()) from None
        ready, _, _ = select.select([self.process.stdout], [], [], patience_s)
        if not ready:
            self.process.kill()
            raise Failed(f"gave no answer within {patience_s:.0f} s, on {request['case']}")
        line = self.process.stdout.readline()
        if not line:
            raise Failed(self.last_words())
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(f"{answer['error']}, on {request['case']}")
        return answer

    def last_words(self) -> str:
        """How the process ended, and the last line that it wrote."""
        code = self.process.wait()
        self.log.flush()
        self.log.seek(0)
        lines = [line for line in self.log.read().splitlines() if line.strip()]
        how = f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"the process was {how}: {lines[-1][:300] if lines else 'it said nothing'}"
