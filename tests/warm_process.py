"""An interpreter that has imported the libraries, and forks for every command that is run.

Importing torch takes longer than most commands of a test. Nothing of groundspeed is imported
here: each child takes it from the folder in which it is run, as ``python -m groundspeed`` would.
So are the interpreters that a command starts, which would import the libraries once more: its fork
server, its judging processes and its workers. What asks for another order of sets is started, but
for the runs of `create`: each has an order of its own, on which few programs depend.

    python warm.py FD    reads a request a line on standard input, answers on FD
"""

from __future__ import annotations

import _posixsubprocess
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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

LIBRARIES = ("torch", "numpy", "pydantic", "typer", "safetensors.torch", "jaxtyping")
LIBRARIES += ("scipy.stats",)
# As `validation.worker.forkserver` has it of a fork server: read when an interpreter starts.
SETTINGS = {"PYTHONHASHSEED": "0", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
SETTINGS |= {"OPENBLAS_NUM_THREADS": "1"}  # as `create` has it
OURS = r"(-m groundspeed\b|-c from multiprocessing\.(forkserver|spawn) import)"
STARTED = re.compile(rf"\S+ (-(?!m )\S+ )*{OURS}")  # after options of the interpreter
CREATE = "groundspeed.tools.create."
SPARES = 3  # a fork server, and as many judging processes as there are at once
MORE = {"bench": 6, "compare": 6, "create": 4, "gate": 8}  # of verbs that start many workers
FILES = 1000  # no interpreter here has as many open


@dataclass
class Warm:
    """The interpreter, seen from the test that uses it; started when it is first needed.

    ``installed``: groundspeed is in its environment, and not taken from where a command is run.
    """

    python: str = sys.executable
    installed: bool = False
    process: subprocess.Popen | None = field(default=None, repr=False)

    def start(self) -> None:
        read, write = os.pipe()
        self.process = subprocess.Popen(
            [self.python, __file__, str(write)],
            stdin=subprocess.PIPE,
            env=os.environ | SETTINGS,
            pass_fds=[write],
            text=True,
        )
        os.close(write)
        self.answers = os.fdopen(read)

    def run(
        self, root: Path, folder: Path, words: list[str], cwd: Path | None = None
    ) -> subprocess.CompletedProcess:
        """``python -m groundspeed WORDS`` in the root, as `subprocess.run` would tell of it.

        ``folder`` takes what is printed; ``cwd`` is where it is typed, if not in the root.
        """
        if self.process is None:
            self.start()
        files = {name: str(folder / name) for name in ("stdout", "stderr")}
        ours = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        ours |= {} if self.installed else {"PYTHONPATH": str(root)}
        request = {"cwd": str(cwd or root), "words": words, "environment": ours, **files}
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
    keep_spares(MORE.get(request["words"][0], SPARES))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    sys.path[0] = os.environ.get("PYTHONPATH", os.path.dirname(sys.executable))
    sys.argv = ["groundspeed", *request["words"]]
    runpy.run_module("groundspeed", run_name="__main__", alter_sys=True)


def keep_spares(count: int = SPARES) -> None:
    """Fork children that become what `subprocess` or `multiprocessing` would start."""
    start, waiting = _posixsubprocess.fork_exec, [spare() for _ in range(count)]

    def fork_exec(words: list, *given) -> int:
        (_, _, kept, folder, variables, *places), session = given[:13], given[14]
        said = [os.fsdecode(word) for word in words]
        fresh = dict(os.environ) if variables is None else decoded(variables)
        if not waiting or not can_become(said, fresh):
            return start(words, *given)
        child, requests = waiting.pop()
        ends = {0: places[0], 1: places[3], 2: places[5]} | {file: file for file in kept}
        ends = {number: end for number, end in ends.items() if end >= 0 and end != given[12]}
        request = {"words": said, "environment": fresh, "session": session}
        request |= {"files": list(ends), "folder": os.fsdecode(folder or os.getcwd())}
        socket.send_fds(requests, [json.dumps(request).encode()], list(ends.values()))
        return child

    subprocess._fork_exec = _posixsubprocess.fork_exec = fork_exec


def decoded(variables: list[bytes]) -> dict[str, str]:
    return dict(os.fsdecode(variable).split("=", 1) for variable in variables)


def can_become(words: list[str], variables: Mapping[str, str]) -> bool:
    """Whether a fork is what this command line would start."""
    if words[0] != sys.executable or not STARTED.match(" ".join(words)):
        return False
    order = variables.get("PYTHONHASHSEED", "0")
    return order == SETTINGS["PYTHONHASHSEED"] or any(CREATE in word for word in words)


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
    """In a spare child: what the command line would be, once it is asked for."""
    said, files, *_ = socket.recv_fds(requests, 1 << 20, 64)
    if not said:
        os._exit(0)
    request = json.loads(said)
    kept = [fcntl.fcntl(file, fcntl.F_DUPFD, FILES) for file in files]
    os.closerange(3, FILES)
    requests.detach()
    for file, number in zip(kept, request["files"], strict=True):
        os.dup2(file, number, inheritable=number < 3)
        os.close(file)
    words, flag = request["words"], next(w for w in request["words"] if w in ("-m", "-c"))
    what, *rest = words[words.index(flag) + 1 :]
    if what == "groundspeed" or "spawn_main" in what:
        keep_spares()  # it may start a fork server
    if request["session"]:
        os.setsid()
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.dont_write_bytecode = "-B" in words or bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    os.chdir(request["folder"])
    here = {"-m": os.getcwd(), "-c": ""}[flag]
    sys.path[:1] = [here, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.orig_argv, sys.argv = words, [flag, *rest]
    if flag == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(what, vars(main))


if __name__ == "__main__":
    serve(int(sys.argv[1]))
