"""An interpreter that has imported the libraries, and forks for every command that is run.

Importing torch takes longer than most commands of a test. Nothing of groundspeed is imported
here: each child takes it from the folder in which it is run, as ``python -m tools`` would.

    python warm.py FD    reads a request a line on standard input, answers on FD
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

LIBRARIES = ("torch", "numpy", "pydantic", "typer", "safetensors.torch", "jaxtyping")


@dataclass
class Warm:
    """The interpreter, seen from the test that uses it; started when it is first needed."""

    process: subprocess.Popen | None = field(default=None, repr=False)

    def start(self) -> None:
        read, write = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(write)],
            stdin=subprocess.PIPE,
            pass_fds=[write],
            text=True,
        )
        os.close(write)
        self.answers = os.fdopen(read)

    def run(self, root: Path, folder: Path, words: list[str]) -> subprocess.CompletedProcess:
        """``python -m tools WORDS`` in the root, as `subprocess.run` would tell of it."""
        if self.process is None:
            self.start()
        files = {name: str(folder / name) for name in ("stdout", "stderr")}
        request = {"root": str(root), "words": words, "environment": dict(os.environ), **files}
        print(json.dumps(request), file=self.process.stdin, flush=True)
        answer = self.answers.readline()
        if not answer:
            raise RuntimeError(f"the warm interpreter died of {words}")
        said = (Path(path).read_text() for path in files.values())
        return subprocess.CompletedProcess(words, int(answer), *said)

    def end(self) -> None:
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()
            self.answers.close()


def serve(answers: int) -> None:
    """Fork for each request, and tell how the child ended."""
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin.buffer.raw:
        child = os.fork()
        if child == 0:
            os.close(answers)
            become(json.loads(line))
            return
        status = os.waitpid(child, 0)[1]
        os.write(answers, f"{os.waitstatus_to_exitcode(status)}\n".encode())


def become(request: dict) -> None:
    """In the child: the command itself."""
    for place, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, place)
        os.close(file)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["environment"], PYTHONPATH=request["root"])
    os.chdir(request["root"])
    sys.path[0] = request["root"]
    sys.argv = ["groundspeed", *request["words"]]
    runpy.run_module("tools", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
