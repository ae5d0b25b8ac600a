"""A foreign program: copies of somebody's files, run as their owner runs them.

Its modules are found in the copies, under their own names, and are taken out of the
interpreter again afterwards; so are its settings, its random numbers, its working
directory and whatever it prints. Two programs with a module of one name do not meet.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import os
import random
import shutil
import sys
import tempfile
import textwrap
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.machinery import FileFinder, SourceFileLoader
from pathlib import Path
from typing import Any

import torch

LOCALS, BOUNDARY = "__groundspeed_locals__", "__groundspeed_boundary__"
Wrap = Callable[[Callable], Callable]


class Broken(RuntimeError):
    """The program does not run, or not as it was asked to; the message says why, in one line."""


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
    seed: int = 0


class Boundaries:
    """Functions that are wrapped wherever they turn up: {"module:function": wrap}."""

    def __init__(self, wanted: Mapping[str, Wrap]):
        self.wanted = {name: name.partition(":")[::2] for name in wanted}
        self.wraps = dict(wanted)
        self.met: set[str] = set()
        self.seen: dict[str, list[str]] = {}  # functions of the modules asked for, to suggest
        self.undo: list[Callable[[], None]] = []

    def of(self, module: str) -> dict[str, Wrap]:
        """{qualified name: wrap} for a module, by its name or the end of it."""
        ends = [(name, where, what) for name, (where, what) in self.wanted.items()]
        return {
            what: self.wraps[name]
            for name, where, what in ends
            if where and f".{module}".endswith(f".{where}")
        }

    def meet(self, module: types.ModuleType, name: str = "") -> None:
        """Wrap what is asked for in a module that has just been executed."""
        for what, wrap in self.of(name or module.__name__).items():
            holder = module
            *outer, last = what.split(".")
            with suppress(AttributeError):
                for part in outer:
                    holder = getattr(holder, part)
                self.bind(holder, last, wrap)
                self.note(name or module.__name__, what)
            self.seen[module.__name__] = [k for k, v in vars(module).items() if callable(v)]

    def bind(self, holder: Any, last: str, wrap: Wrap) -> None:
        found = inspect.getattr_static(holder, last)
        if isinstance(found, staticmethod | classmethod):
            new = type(found)(wrap(found.__func__))
        else:
            new = wrap(getattr(holder, last))
        self.undo.append(lambda: setattr(holder, last, found))
        setattr(holder, last, new)

    def note(self, module: str, what: str) -> None:
        self.met |= {
            name
            for name, (where, wanted) in self.wanted.items()
            if wanted == what and f".{module}".endswith(f".{where}")
        }

    def meet_installed(self, copies: tuple[str, ...]) -> None:
        """Wrap what is asked for in installed packages: before the program imports them."""
        for where, _ in self.wanted.values():
            if where.split(".")[0] in (*copies, "__main__", ""):
                continue
            with suppress(ImportError, ValueError):
                spec = importlib.util.find_spec(where.split(".")[0])
                if spec and spec.origin and "site-packages" in spec.origin:
                    self.meet(importlib.import_module(where), where)


class Room:
    """One program's own place: its files, copied, and its modules.

    ``sources`` maps the copies back to the files they stand for: profilers and messages name
    those.
    """

    def __init__(self, files: Path, program: Program, copy: bool = True):
        self.program = program
        self.modules: dict[str, types.ModuleType] = {}
        self.seconds: float | None = None  # in the tests themselves, by pytest's own report
        self.sources = files
        self.folder = files
        if copy:
            base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()
            self.folder = Path(tempfile.mkdtemp(prefix=f"groundspeed-{os.getpid()}-", dir=base))
            weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
            shutil.copytree(files, self.folder, dirs_exist_ok=True)
        (self.folder / program.cwd).mkdir(parents=True, exist_ok=True)
        self.paths = [str(self.folder / p) for p in program.paths]

    def original(self, path: str) -> str:
        """The file that a copy in this room stands for."""
        inside = str(self.folder) + os.sep
        return str(self.sources / path[len(inside) :]) if path.startswith(inside) else path

    def own(self, name: str) -> bool:
        return name == "__main__" or name.split(".")[0] in self.program.names

    def inside(self, module: object) -> bool:
        return str(getattr(module, "__file__", "")).startswith(str(self.folder))

    @contextmanager
    def open(self, boundaries: Boundaries, seed: int) -> Iterator[None]:
        """Everything as the program expects it, and as it was found afterwards."""
        with kept_settings(), self.with_modules(fresh=True):
            os.chdir(self.folder / self.program.cwd)
            sys.dont_write_bytecode = True
            room, hooks, finders = str(self.folder), sys.path_hooks[:], sys.meta_path[:]
            sys.path_hooks.insert(0, self.finder(boundaries))
            importlib.invalidate_caches()
            for entry in [p for p in sys.path_importer_cache if p.startswith(room)]:
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
        if fresh:
            self.modules = {}
            others = {n: m for n, m in sys.modules.items() if self.own(n)}
        else:
            others = {n: sys.modules[n] for n in self.modules if n in sys.modules}
        for name in others:
            del sys.modules[name]
        sys.modules.update(self.modules)
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
        room = self

        class Loader(SourceFileLoader):
            def source_to_code(self, data, path, *, _optimize=-1):
                return compile(data, room.original(path), "exec", dont_inherit=True)

            def exec_module(self, module):
                super().exec_module(module)
                boundaries.meet(module)

        hook = FileFinder.path_hook((Loader, [".py"]), *native_loaders())

        def only_here(path: str):
            if not os.path.abspath(path).startswith(str(room.folder)):
                raise ImportError
            return hook(path)

        return only_here


def native_loaders() -> list[tuple]:
    from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader

    return [(ExtensionFileLoader, EXTENSION_SUFFIXES)]


NOWHERE = []


def nowhere():
    """Where what programs print goes."""
    if not NOWHERE:
        NOWHERE.append(open(os.devnull, "w"))  # noqa: SIM115 for the life of the process
    return NOWHERE[0]


def sow(seed: int) -> None:
    """Seed every generator that has no seed of its own."""
    random.seed(seed)
    torch.manual_seed(seed)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(seed % (1 << 32))


@contextmanager
def kept_settings() -> Iterator[None]:
    """Global settings, as they were found, at the end."""
    with kept_randomness():
        where, words, environment = os.getcwd(), sys.argv[:], dict(os.environ)
        bytecode, threads = sys.dont_write_bytecode, torch.get_num_threads()
        dtype, precision = torch.get_default_dtype(), torch.get_float32_matmul_precision()
        gradients, strict = torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled()
        try:
            yield
        finally:
            os.chdir(where)
            sys.argv[:], sys.dont_write_bytecode = words, bytecode
            os.environ.clear()
            os.environ.update(environment)
            torch.set_default_dtype(dtype)
            torch.set_grad_enabled(gradients)
            if torch.get_num_threads() != threads:
                torch.set_num_threads(threads)
            if torch.get_float32_matmul_precision() != precision:
                torch.set_float32_matmul_precision(precision)
            if torch.are_deterministic_algorithms_enabled() != strict:
                torch.use_deterministic_algorithms(strict)


@contextmanager
def kept_randomness() -> Iterator[None]:
    numpy = sys.modules.get("numpy")
    state, own = random.getstate(), torch.get_rng_state()
    others = numpy.random.get_state() if numpy else None
    try:
        yield
    finally:
        random.setstate(state)
        torch.set_rng_state(own)
        if numpy:
            numpy.random.set_state(others)


def run(room: Room, boundaries: Boundaries, seed: int) -> dict[str, Any]:
    """One whole run; what it returned or left in its variables, by name.

    Raises:
        Broken: it failed; anything that it raised itself is passed on.
    """
    program = room.program
    with room.open(boundaries, seed):
        sys.argv[:] = [str(room.folder / program.file), *program.arguments]
        if program.kind == "pytest":
            return run_tests(room, boundaries)
        if program.kind == "callable":
            return run_callable(program, boundaries)
        return run_script(room, boundaries)


def run_script(room: Room, boundaries: Boundaries) -> dict[str, Any]:
    """A file as ``__main__``, with its boundaries as decorators; its global variables."""
    program, path = room.program, room.folder / room.program.file
    module = types.ModuleType("__main__")
    module.__file__ = str(path)
    if program.kind == "module":
        module.__package__ = program.module.rpartition(".")[0]
        if module.__package__:
            importlib.import_module(module.__package__)
    stem = program.module or path.stem
    wraps = boundaries.of(stem) | boundaries.of("__main__")
    tree = ast.parse(path.read_bytes(), room.original(str(path)))
    for what in decorate(tree, set(wraps)):
        boundaries.note(stem, what)
        boundaries.note("__main__", what)
    boundaries.seen["__main__"] = [n.name for n in tree.body if isinstance(n, ast.FunctionDef)]
    setattr(module, BOUNDARY, wraps.__getitem__)
    sys.modules["__main__"] = module
    try:
        exec(compile(tree, room.original(str(path)), "exec"), module.__dict__)
    except SystemExit as left:
        if left.code not in (None, 0):
            raise Broken(f"it ended with exit code {left.code}") from None
    return {k: v for k, v in vars(module).items() if not k.startswith("__")}


def decorate(tree: ast.Module, wanted: set[str]) -> list[str]:
    """Decorate the named functions and methods with their boundaries; those found."""
    found = []

    def visit(body: list[ast.stmt], outer: str) -> None:
        for node in body:
            name = f"{outer}{getattr(node, 'name', '')}"
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{name}.")
            elif isinstance(node, ast.FunctionDef) and name in wanted:
                found.append(name)
                call = ast.parse(f"{BOUNDARY}({name!r})", mode="eval").body
                node.decorator_list.insert(0, ast.copy_location(call, node))
            elif isinstance(node, ast.If | ast.Try | ast.With):
                visit(node.body, outer)

    visit(tree.body, "")
    ast.fix_missing_locations(tree)
    return found


def run_callable(program: Program, boundaries: Boundaries) -> dict[str, Any]:
    """A function without required arguments: what it returns, else its variables."""
    function, owner = importlib.import_module(program.module), None
    for part in program.part.split("."):
        owner, function = function, getattr(function, part)
    if inspect.isclass(owner):
        function = getattr(owner(), program.part.rpartition(".")[2])
    refuse_arguments(function, program.part)
    left: dict[str, Any] = {}
    value = with_locals(function, left.update)()
    return left if value is None else {"result": value, **left}


def refuse_arguments(function: Callable, part: str) -> None:
    """Raise where a call would need arguments that nobody gave."""
    with suppress(ValueError, TypeError):
        rows = inspect.signature(function).parameters.values()
        bare = [p.name for p in rows if p.default is p.empty and p.kind < p.VAR_POSITIONAL]
        if bare:
            raise Broken(
                f"{part} needs {', '.join(bare)}; write a script that calls it, give that, and say "
                f"--watch or --step module:{part}"
            )


def with_locals(function: Callable, tell: Callable[[dict], None]) -> Callable:
    """The function, telling its variables when it returns; itself where that cannot be done."""
    inner = getattr(function, "__func__", function)
    code = getattr(inner, "__code__", None)
    if code is None or code.co_freevars or hasattr(inner, "__wrapped__") or code.co_flags & 0x2A0:
        return function
    try:
        tree = ast.parse(textwrap.dedent("".join(inspect.getsourcelines(inner)[0])))
    except (OSError, SyntaxError, TypeError):
        return function
    define = tree.body[0]
    if not isinstance(define, ast.FunctionDef):
        return function
    define.decorator_list = []
    ending = ast.parse(f"{LOCALS}(dict(locals()))").body
    define.body = [ast.Try(body=define.body, handlers=[], orelse=[], finalbody=ending)]
    ast.increment_lineno(tree, code.co_firstlineno - 1)
    space: dict[str, Any] = {}
    inner.__globals__[LOCALS] = tell
    exec(compile(ast.fix_missing_locations(tree), code.co_filename, "exec"), inner.__globals__, space)
    new = space[define.name]
    new.__defaults__, new.__kwdefaults__ = inner.__defaults__, inner.__kwdefaults__
    return new.__get__(function.__self__) if hasattr(function, "__self__") else new


# Plugins of pytest that write into the project, or cost more than most tests do.
NOT_NEEDED = ("cacheprovider", "faulthandler", "unraisableexception", "threadexception", "pastebin")


def run_tests(room: Room, boundaries: Boundaries) -> dict[str, Any]:
    """The chosen tests under pytest; their variables at the end.

    Raises:
        Broken: pytest is missing, or a test did not pass.
    """
    try:
        import pytest
    except ImportError:
        raise Broken("it is a pytest test and pytest is not here; pip install pytest") from None
    program, plugin = room.program, Tests(boundaries)
    os.environ.pop("PYTEST_ADDOPTS", None)
    chosen = str(room.folder / program.file) + (f"::{program.part}" if program.part else "")
    words = [chosen, "-s", "-q", *(w for name in NOT_NEEDED for w in ("-p", f"no:{name}"))]
    words += [f"--basetemp={room.folder}/.basetemp", f"--rootdir={room.folder / program.cwd}"]
    words += ["-c", str(room.folder / program.config)] if program.config else []
    words += ["-n0"] if importlib.util.find_spec("xdist") else []
    words += ["--no-cov"] if importlib.util.find_spec("pytest_cov") else []
    code = int(pytest.main(words, plugins=[plugin]))
    plugin.judge(code, program.part or program.file)
    room.seconds = plugin.seconds
    if len(plugin.left) == 1:
        return next(iter(plugin.left.values()))
    return {f"{t}.{k}": v for t, left in plugin.left.items() for k, v in left.items()}


class Tests:
    """A plugin of pytest: wraps boundaries, keeps variables and what went wrong."""

    def __init__(self, boundaries: Boundaries):
        self.boundaries = boundaries
        self.left: dict[str, dict] = {}
        self.passed, self.skipped, self.failed = 0, [], []
        self.seconds = 0.0  # in the tests themselves, without pytest's own work

    def pytest_collection_finish(self, session):
        for module in {id(m): m for i in session.items if (m := getattr(i, "module", 0))}.values():
            self.boundaries.meet(module)

    def pytest_pyfunc_call(self, pyfuncitem):
        left: dict[str, Any] = {}
        self.left[pyfuncitem.name] = left
        pyfuncitem.obj = with_locals(pyfuncitem.obj, left.update)

    def pytest_collectreport(self, report):
        if report.failed:
            self.failed.append(last_line(report))

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.failed.append(f"{report.nodeid.rpartition('/')[2]}: {last_line(report)}")
        elif report.skipped:
            text = report.longrepr[2] if isinstance(report.longrepr, tuple) else last_line(report)
            self.skipped.append(text)
        elif report.when == "call":
            self.passed += 1
            self.seconds += report.duration

    def judge(self, code: int, what: str) -> None:
        if self.failed:
            raise Broken(f"the test does not pass: {self.failed[0]}")
        if self.skipped and not self.passed:
            raise Broken(f"the test is skipped: {self.skipped[0]}; nothing runs, nothing is frozen")
        if code == 5 or (code == 4 and not self.passed):
            raise Broken(f"pytest finds no test {what}")
        if code:
            raise Broken(f"pytest ended with code {code}")


def last_line(report) -> str:
    """What a report of pytest says is wrong, with file and line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return f"{' '.join(crash.message.split())[:300]} ({Path(crash.path).name}:{crash.lineno})"
    lines = [line for line in str(report.longrepr).splitlines() if line.strip()]
    return (lines[-1] if lines else "no reason given").removeprefix("E").strip()[:300]
