"""A room for one foreign program: its files, its modules, its settings, and nobody else's.

Its modules are found in copies of its files, under their own names, and are taken out of the
interpreter again afterwards; so are its settings, its random numbers, its working directory
and whatever it prints. Two programs with a module of one name do not meet.
"""

import functools
import importlib
import importlib.util
import inspect
import os
import random
import shutil
import sys
import tempfile
import threading
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
)
from pathlib import Path
from typing import Any

import torch

from groundspeed import short_names

Wrap = Callable[[Callable], Callable]
# Modules, working folder, generators and output are the process's: one thread has them at a time.
RUNNING = threading.RLock()


class Broken(RuntimeError):
    """The program does not run, or not as it was asked to; the message says why, in one line.

    ``absent`` is the name of a module that it lacks, where that is why.
    """

    def __init__(self, words: str = "", absent: str = ""):
        super().__init__(words)
        self.absent = absent


@dataclass(frozen=True, kw_only=True)
class Program:
    """What is run, and how. Places are relative to the folder that holds the copies.

    Attributes:
        kind: "script" (a file, as ``__main__``), "module" (as ``python -m``), "callable" or
            "pytest".
        file: the script, or the file of the test.
        module: dotted name, for "module" and "callable".
        part: name of the callable, or what follows ``::`` in the identifier of a test.
        paths: where modules are looked for, before the interpreter's own.
        names: top-level names of the modules that are copies.
        cwd: where it runs.
        config: pytest's configuration file.
        arguments: of the command line.
        writes: whether it writes files where it runs.
        folders: that it writes into and that must be there.
        seed: of every random number, plus the number of the run.
    """

    kind: str
    file: str = ""
    module: str = ""
    part: str = ""
    paths: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    cwd: str = "."
    config: str = ""
    arguments: tuple[str, ...] = ()
    writes: bool = False
    folders: tuple[str, ...] = ()
    seed: int = 0


class Boundaries:
    """Functions that are wrapped wherever they turn up: {"module:function": wrap}."""

    def __init__(self, wraps: Mapping[str, Wrap]):
        self.wraps = wraps
        self.met: set[str] = set()
        self.seen: dict[str, list[str]] = {}  # functions of the modules asked for, to suggest
        self.undo: list[Callable[[], None]] = []
        self.placed: list[tuple[Any, str, Any]] = []  # holder, name, what was put there

    def of(self, module: str) -> list[tuple[str, str]]:
        """(boundary, qualified name) of those in a module, by its name or the end of it."""
        rows = [(name, *name.partition(":")[::2]) for name in self.wraps]
        return [(n, what) for n, where, what in rows if f".{module}".endswith(f".{where}")]

    def meet(self, module: types.ModuleType, name: str = "") -> None:
        """Wrap what is asked for in a module that has just been executed."""
        for boundary, what in self.of(name or module.__name__):
            holder = module
            *outer, last = what.split(".")
            with suppress(AttributeError):
                for part in outer:
                    holder = getattr(holder, part)
                self.bind(holder, last, self.wraps[boundary])
                self.met.add(boundary)
            self.seen[module.__name__] = [k for k, v in vars(module).items() if callable(v)]

    def bind(self, holder: Any, last: str, wrap: Wrap) -> None:
        found = inspect.getattr_static(holder, last)
        if isinstance(found, staticmethod | classmethod):
            new = type(found)(wrap(found.__func__))
        else:
            new = wrap(getattr(holder, last))
        self.undo.append(lambda: setattr(holder, last, found))
        self.placed.append((holder, last, new))
        setattr(holder, last, new)

    def absent(self) -> list[str]:
        """Names that nothing in the program answered to."""
        return [name for name in self.wraps if name not in self.met]

    def keep(self, own: Callable[[str], bool]) -> None:
        """Put what was bound back into the program's own modules, for good."""
        for holder, last, new in [p for p in self.placed if own(home(p[0]))]:
            setattr(holder, last, new)
        self.placed = [p for p in self.placed if not own(home(p[0]))]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """What was bound in installed packages, bound again for a while."""
        before = [(holder, last, inspect.getattr_static(holder, last))
                  for holder, last, _ in self.placed]  # fmt: skip
        for holder, last, new in self.placed:
            setattr(holder, last, new)
        try:
            yield
        finally:
            for holder, last, found in reversed(before):
                setattr(holder, last, found)

    def meet_installed(self, copies: tuple[str, ...]) -> None:
        """Wrap what is asked for in installed packages: before the program imports them."""
        for where in (name.partition(":")[0] for name in self.wraps):
            if where.split(".")[0] in (*copies, "__main__", ""):
                continue
            with suppress(ImportError, ValueError):
                spec = importlib.util.find_spec(where.split(".")[0])
                if spec and spec.origin and "site-packages" in spec.origin:
                    self.meet(importlib.import_module(where), where)


def home(holder: Any) -> str:
    """Name of the module that is, or has, a holder of functions."""
    return getattr(holder, "__module__", "") or getattr(holder, "__name__", "")


class Sandbox:
    """One program's own place: its files, copied, and its modules.

    The files are copied, unless they are copies already: ``stands_for`` then says (of which folder
    among them, for which folder of the user). Profilers and messages name the originals.
    """

    def __init__(self, files: Path, program: Program, stands_for: tuple[Path, Path] | None = None):
        self.program = program
        self.modules: dict[str, types.ModuleType] = {}
        self.seconds: float | None = None  # in the tests themselves, by pytest's own report
        self.config: Path | None = None  # the configuration file that pytest has found
        self.folder = files
        if stands_for is None:
            prefix = f"groundspeed-{os.getpid()}-"
            self.folder = Path(tempfile.mkdtemp(prefix=prefix, dir=roomy(files)))
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
            shutil.copytree(files, self.folder, dirs_exist_ok=True)
        self.copies, self.originals = stands_for or (self.folder, files)
        for inner in (program.cwd, *program.folders):
            (self.folder / inner).mkdir(parents=True, exist_ok=True)
        self.paths = [str(self.folder / p) for p in program.paths]

    @property
    def compiled_code(self) -> AbstractContextManager:
        """Where numba keeps it: among our copies; who brings copies says it in the environment."""
        ours = self.copies == self.folder
        return numba_cache(self.folder / ".caches") if ours else nullcontext()

    def original(self, path: str) -> str:
        """The file that a copy in this room stands for."""
        inside = f"{self.copies}{os.sep}"
        return str(self.originals / path[len(inside) :]) if path.startswith(inside) else path

    def own(self, name: str) -> bool:
        return name == "__main__" or name.split(".")[0] in self.program.names

    def inside(self, module: object) -> bool:
        return str(getattr(module, "__file__", "")).startswith(str(self.folder))

    @contextmanager
    def open(self, boundaries: Boundaries, seed: int) -> Iterator[None]:
        """Everything as the program expects it, and as it was found afterwards."""
        with RUNNING, kept_settings(), self.compiled_code, self.with_modules(fresh=True):
            os.chdir(self.folder / self.program.cwd)
            sys.dont_write_bytecode = True
            sandbox, hooks, finders = str(self.folder), sys.path_hooks[:], sys.meta_path[:]
            sys.path_hooks.insert(0, self.finder(boundaries))
            importlib.invalidate_caches()
            for entry in [p for p in sys.path_importer_cache if p.startswith(sandbox)]:
                del sys.path_importer_cache[entry]
            sow(seed)
            try:
                boundaries.meet_installed(self.program.names)
                yield
            finally:
                sys.path_hooks[:], sys.meta_path[:] = hooks, finders
                for undo in reversed(boundaries.undo):
                    undo()
                boundaries.undo.clear()

    @contextmanager
    def with_modules(self, fresh: bool = False) -> Iterator[None]:
        """The program's modules in place of others of the same names; cheap."""
        own = {*self.program.names, *short_names.HARNESS}
        with RUNNING, short_names.ShortNames.given_to(own), self.own_modules(fresh):
            yield

    @contextmanager
    def own_modules(self, fresh: bool) -> Iterator[None]:
        if fresh:
            self.modules = {}
            others = {n: m for n, m in sys.modules.items() if self.own(n)}
        else:
            others = {n: sys.modules[n] for n in self.modules if n in sys.modules}
        for name in others:
            del sys.modules[name]
        sys.modules.update(self.modules)
        sys.modules.setdefault("__main__", types.ModuleType("__main__"))  # inspect looks at it
        before, out, err, where = sys.path[:], sys.stdout, sys.stderr, os.getcwd()
        sys.path[:0] = self.paths
        count = len(sys.modules)
        sys.stdout = sys.stderr = nowhere()
        if self.program.writes and not fresh:
            os.chdir(self.folder / self.program.cwd)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = out, err
            sys.path[:] = before
            os.chdir(where)
            if fresh or len(sys.modules) != count:
                held = list(sys.modules.items())
                self.modules = {n: m for n, m in held if self.own(n) or self.inside(m)}
            for name in self.modules:
                sys.modules.pop(name, None)
            sys.modules.update(others)

    def finder(self, boundaries: Boundaries) -> Callable:
        """A path hook: modules of this room know the file that they stand for."""
        sandbox = self

        class Loader(SourceFileLoader):
            def source_to_code(self, data, path, *, _optimize=-1):
                return compile(data, sandbox.original(path), "exec", dont_inherit=True)

            def exec_module(self, module):
                super().exec_module(module)
                boundaries.meet(module)

        def only_here(path: str):
            if not (os.path.isdir(path) and os.path.abspath(path).startswith(str(sandbox.folder))):
                raise ImportError
            return FileFinder(path, (Loader, [".py"]), (ExtensionFileLoader, EXTENSION_SUFFIXES))

        return only_here


def roomy(files: Path) -> str:
    """In memory, where that has room for a copy of the files and as much again; else on disk."""
    need = 2 * sum(path.stat().st_size for path in files.rglob("*") if path.is_file())
    memory = "/dev/shm"
    fits = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= need
    return memory if fits else tempfile.gettempdir()


@functools.cache
def nowhere():
    """Where what programs print goes."""
    return open(os.devnull, "w")  # noqa: SIM115 for the life of the process


def sow(seed: int) -> None:
    """Seed every generator that has no seed of its own."""
    random.seed(seed)
    torch.manual_seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed % (1 << 32))


@contextmanager
def numba_cache(folder: Path) -> Iterator[None]:
    """``numba.njit(cache=True)`` keeps machine code there, not beside the source that it names."""
    variable = "NUMBA_CACHE_DIR"
    before = os.environ.get(variable, "")

    def set_to(value: str) -> None:
        os.environ[variable] = value
        if numba := sys.modules.get("numba.core.config"):  # it reads the variable when imported
            numba.CACHE_DIR = value

    set_to(str(folder))
    try:
        yield
    finally:
        set_to(before)


SETTINGS = (
    (torch.get_default_dtype, torch.set_default_dtype),
    (torch.is_grad_enabled, torch.set_grad_enabled),
    (torch.get_num_threads, torch.set_num_threads),
    (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
    (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
)


@contextmanager
def kept_settings() -> Iterator[None]:
    """Global settings, as they were found, at the end."""
    with kept_randomness():
        where, words, environment = os.getcwd(), sys.argv[:], dict(os.environ)
        bytecode, found = sys.dont_write_bytecode, [get() for get, _ in SETTINGS]
        try:
            yield
        finally:
            os.chdir(where)
            sys.argv[:], sys.dont_write_bytecode = words, bytecode
            os.environ.clear()
            os.environ.update(environment)
            for (get, put), before in zip(SETTINGS, found, strict=True):
                if get() != before:
                    put(before)


def random_state() -> tuple:
    """Of every generator that `sow` seeds."""
    numpy = sys.modules.get("numpy")
    return random.getstate(), torch.get_rng_state(), numpy.random.get_state() if numpy else None


@contextmanager
def kept_randomness() -> Iterator[None]:
    own, of_torch, of_numpy = random_state()
    try:
        yield
    finally:
        random.setstate(own)
        torch.set_rng_state(of_torch)
        if of_numpy:
            sys.modules["numpy"].random.set_state(of_numpy)
