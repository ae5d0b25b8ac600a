"""Forks candidate processes from a server that has imported torch and holds no answers."""

import importlib
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, get_context
from threading import Lock
from types import ModuleType

from groundspeed import baselines, project
from groundspeed.validation import discovery, machine
from groundspeed.validation.worker import allocator, compilers

SERVER = "groundspeed.validation.worker.server"  # by name, as a command line has it
PRELOADED = [
    "groundspeed.validation.worker.preload.gc_off",
    SERVER,
    *(f"baselines.{name}" for name in baselines.names()),
]
COMPILERS = {"numba": "numba", "torch.compile(": "compiler"}  # by what text calls them
STARTING = Lock()


def get_ready(names: Iterable[str] = ()) -> None:
    """Starts the server, which imports what the named candidates need."""
    used = discovery.mentioned(names, COMPILERS)
    more = [compilers.PRELOADED[need] for word, need in COMPILERS.items() if word in used]
    get_context("forkserver").set_forkserver_preload([*PRELOADED, *more])
    with STARTING, bare():
        forkserver.ensure_running()


class Forked:
    """A forked process with the few methods of a `subprocess.Popen` that the client needs."""

    def __init__(self, name: str, log: str, environment: dict[str, str], more: tuple[str, ...]):
        context = get_context("forkserver")
        context.set_forkserver_preload([*PRELOADED, *more])
        theirs_in, ours_out = context.Pipe(duplex=False)
        ours_in, theirs_out = context.Pipe(duplex=False)
        words = (name, theirs_in, theirs_out, log, environment)
        self.process = context.Process(target=serve, args=words)
        with STARTING, bare():
            self.process.start()
        self.pid = self.process.pid
        for end in (theirs_in, theirs_out):
            end.close()
        self.stdin = os.fdopen(os.dup(ours_out.fileno()), "w")
        self.stdout = os.fdopen(os.dup(ours_in.fileno()))
        for end in (ours_out, ours_in):
            end.close()

    def kill(self) -> None:
        self.process.kill()

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self) -> int:
        self.process.join()
        return self.process.exitcode

    def communicate(self) -> None:
        self.wait()
        for pipe in (self.stdin, self.stdout):
            try:
                pipe.close()
            except BrokenPipeError:
                continue


@contextmanager
def bare() -> Iterator[None]:
    """Starts processes without this program's main module, and with one order of sets."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")  # else the program would run there again
    try:
        unset = dict.fromkeys(machine.compiler_switches())
        fixed = {"PYTHONHASHSEED": "0", "PYTHONPATH": here(), **allocator.LARGE_PAGES}
        fixed |= {"OMP_WAIT_POLICY": "passive"}  # threads that wait leave processors to others
        with environment(**unset, **fixed):
            yield
    finally:
        sys.modules["__main__"] = main


def here() -> str:
    """Import path: this harness and this project first, whatever folder the program runs in."""
    before = os.environ.get("PYTHONPATH", "")
    own = dict.fromkeys([str(project.PACKAGE.parent), *project.import_folders()])
    return os.pathsep.join([*own, *filter(None, [before])])


@contextmanager
def environment(**values: str | None) -> Iterator[None]:
    """Environment variables for what is started meanwhile; those that are None are unset."""
    before = {name: os.environ.get(name) for name in values}
    set_variables(values)
    try:
        yield
    finally:
        set_variables(before)


def set_variables(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def serve(name: str, given, answers, log: str, environment: dict[str, str]) -> None:
    """In the forked process: run the server of that optimization."""
    allocator.keep_imported()
    os.environ.update(environment)
    if numba_jit := sys.modules.get(compilers.PRELOADED["numba"]):
        numba_jit.set_threads(int(environment["NUMBA_NUM_THREADS"]))
    file = os.open(log, os.O_WRONLY | os.O_APPEND)
    for place, fd in enumerate((given.fileno(), answers.fileno(), file)):
        os.dup2(fd, place)
    given.close()
    answers.close()
    sys.stdin = os.fdopen(0)
    importlib.import_module(SERVER).serve(name)  # the fork server has imported it already
