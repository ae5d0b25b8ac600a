"""An interpreter that has imported the libraries, and forks for every command that is run.

Importing torch takes longer than most commands of a test. Nothing of groundspeed is imported
here: each child takes it from the folder in which it is run, as ``python -m groundspeed`` would.
So are the fork server of a command and its judging processes, which would import the libraries
once more.

    python warm.py FD    reads a request a line on standard input, answers on FD
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import json
import os
import re
import runpy
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from multiprocessing import util
from pathlib import Path
from types import ModuleType

LIBRARIES = ("torch", "numpy", "pydantic", "typer", "safetensors.torch", "jaxtyping")
LIBRARIES += ("scipy.stats",)
# As `validation.worker.forkserver` has it of a fork server: read when an interpreter starts.
SETTINGS = {"PYTHONHASHSEED": "0", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
STARTED = re.compile(r"multiprocessing\.(forkserver|spawn) import")
SPARES = 3  # a fork server, and as many judging processes as there are at once
FILES = 1000  # no interpreter here has as many open


@dataclass
class Warm:
    """The interpreter, seen from the test that uses it; started when it is first needed."""

    process: subprocess.Popen | None = field(default=None, repr=False)

    def start(self) -> None:
        read, write = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(write)],
            stdin=subprocess.PIPE,
            env=os.environ | SETTINGS,
            pass_fds=[write],
            text=True,
        )
        os.close(write)
        self.answers = os.fdopen(read)

    def run(self, root: Path, folder: Path, words: list[str]) -> subprocess.CompletedProcess:
        """``python -m groundspeed WORDS`` in the root, as `subprocess.run` would tell of it."""
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
    keep_spares()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["environment"], PYTHONPATH=request["root"])
    os.chdir(request["root"])
    sys.path[0] = request["root"]
    sys.argv = ["groundspeed", *request["words"]]
    runpy.run_module("groundspeed", run_name="__main__", alter_sys=True)


def keep_spares() -> None:
    """Fork children that become what `multiprocessing` would start a new interpreter for."""
    start, waiting = util.spawnv_passfds, [spare() for _ in range(SPARES)]

    def spawn(path: bytes, words: list, files: list[int]) -> int:
        said = [os.fsdecode(word) for word in words]
        if not waiting or not STARTED.search(" ".join(said)):
            return start(path, words, files)
        child, requests = waiting.pop()
        request = {"words": said[said.index("-c") :], "environment": dict(os.environ)}
        request |= {"files": list(files), "folder": os.getcwd()}
        socket.send_fds(requests, [json.dumps(request).encode()], files)
        return child

    util.spawnv_passfds = spawn


def spare() -> tuple[int, socket.socket]:
    """A child that waits, and where it hears what it shall be."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = os.fork()
    if child == 0:
        ours.close()
        os.closerange(3, theirs.fileno())
        os.closerange(theirs.fileno() + 1, FILES)
        become_interpreter(theirs)
        sys.exit()
    theirs.close()
    return child, ours


def become_interpreter(requests: socket.socket) -> None:
    """In a spare child: what ``python -c CODE WORD...`` would be, once it is asked for."""
    said, files, *_ = socket.recv_fds(requests, 1 << 20, 64)
    if not said:
        os._exit(0)
    request = json.loads(said)
    kept = [fcntl.fcntl(file, fcntl.F_DUPFD, FILES) for file in files]
    os.closerange(3, FILES)
    requests.detach()
    for file, number in zip(kept, request["files"], strict=True):
        os.dup2(file, number, inheritable=False)
        os.close(file)
    if "spawn_main" in request["words"][1]:
        keep_spares()  # it may start a fork server
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.path[:1] = ["", *os.environ["PYTHONPATH"].split(os.pathsep)]
    _, code, *words = request["words"]
    sys.argv = ["-c", *words]
    main = sys.modules["__main__"] = ModuleType("__main__")
    exec(code, vars(main))


if __name__ == "__main__":
    serve(int(sys.argv[1]))
