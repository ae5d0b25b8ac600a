"""A foreign program, run as its owner runs it: a script, a module, a callable or tests."""

import ast
import importlib
import importlib.util
import inspect
import sys
import types
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from importlib.machinery import PathFinder
from typing import Any

from groundspeed.baselines.foreign.frame_locals import kept_locals
from groundspeed.baselines.foreign.pytest_runner import Tests, run_tests
from groundspeed.baselines.foreign.sandbox import Boundaries, Broken, Sandbox

BOUNDARY = "__groundspeed_boundary__"
PRIVATE = "groundspeed_program"  # before the name of a module whose own name is taken


def run(sandbox: Sandbox, boundaries: Boundaries, seed: int) -> dict[str, Any]:
    """One whole run; what it returned or left in its variables, by name.

    Raises:
        Broken: it failed; anything that it raised itself is passed on.
    """
    program = sandbox.program
    with sandbox.open(boundaries, seed):
        sys.argv[:] = [str(sandbox.folder / program.file), *program.arguments]
        if program.kind == "pytest":
            return run_chosen(sandbox, boundaries)
        if program.kind == "callable":
            return run_callable(sandbox)
        return run_script(sandbox, boundaries)


def run_script(sandbox: Sandbox, boundaries: Boundaries) -> dict[str, Any]:
    """A file as ``__main__``, with its boundaries as decorators; its global variables."""
    program, path = sandbox.program, sandbox.folder / sandbox.program.file
    module = types.ModuleType("__main__")
    module.__file__ = str(path)
    if program.kind == "module":
        module.__package__ = program.module.rpartition(".")[0]
        if module.__package__:
            imported(sandbox, module.__package__)
    wanted = boundaries.of(program.module or path.stem) + boundaries.of("__main__")
    tree = ast.parse(path.read_bytes(), sandbox.original(str(path)))
    boundaries.met |= decorate(tree, wanted)
    boundaries.seen["__main__"] = [n.name for n in tree.body if isinstance(n, ast.FunctionDef)]
    setattr(module, BOUNDARY, boundaries.wraps.__getitem__)
    sys.modules["__main__"] = module
    try:
        exec(compile(tree, sandbox.original(str(path)), "exec", dont_inherit=True), vars(module))
    except SystemExit as left:
        if left.code not in (None, 0):
            raise Broken(f"it ended with exit code {left.code}") from None
    return {k: v for k, v in vars(module).items() if not k.startswith("__")}


def decorate(tree: ast.Module, wanted: list[tuple[str, str]]) -> set[str]:
    """Decorate the named functions and methods with their boundaries; those found."""
    found = set()

    def visit(body: list[ast.stmt], outer: str) -> None:
        for node in body:
            name = f"{outer}{getattr(node, 'name', '')}"
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{name}.")
            elif isinstance(node, ast.FunctionDef):
                for boundary in [boundary for boundary, what in wanted if what == name]:
                    found.add(boundary)
                    call = ast.parse(f"{BOUNDARY}({boundary!r})", mode="eval").body
                    node.decorator_list.insert(0, ast.copy_location(call, node))
            elif isinstance(node, ast.If | ast.Try | ast.With):
                visit(node.body, outer)

    visit(tree.body, "")
    ast.fix_missing_locations(tree)
    return found


def run_callable(sandbox: Sandbox) -> dict[str, Any]:
    """A function without required arguments: what it returns, else its variables."""
    program = sandbox.program
    function, owner = imported(sandbox, program.module), None
    for part in program.part.split("."):
        owner, function = function, getattr(function, part)
    if inspect.isclass(owner):
        function = getattr(owner(), program.part.rpartition(".")[2])
    refuse_arguments(function, program.part)
    left: dict[str, Any] = {}
    with kept_locals(function, program.part.rpartition(".")[2], left):
        value = function()
    return left if value is None else {"result": value, **left}


def imported(sandbox: Sandbox, name: str) -> types.ModuleType:
    """A module of the program, though another of its name may be loaded or built in.

    Raises:
        Broken: it is a package, or in one, whose name is taken.
    """
    file, top = sandbox.folder / sandbox.program.file, importlib.import_module(name.split(".")[0])
    origin = getattr(top, "__file__", None)
    only_folders = origin is None and hasattr(top, "__path__")
    if not sandbox.program.file or sandbox.inside(top) or only_folders:
        return importlib.import_module(name)
    if file.stem != name:
        raise Broken(
            f"the package of {name} has the name of another that Python has "
            f"({origin or 'built in'}); allowed: a name of its own; rename the folder"
        )
    spec = PathFinder.find_spec(f"{PRIVATE}.{name}", [str(file.parent)])
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


class BoundedTests(Tests):
    """Wraps boundaries in the tests' modules as well, and keeps the variables of each test."""

    def __init__(self, boundaries: Boundaries, sandbox: Sandbox):
        super().__init__()
        self.boundaries, self.sandbox = boundaries, sandbox
        self.left: dict[str, dict] = {}

    def pytest_collection_finish(self, session):
        for module in {id(m): m for i in session.items if (m := getattr(i, "module", 0))}.values():
            name_originals(self.sandbox, vars(module), module.__file__ or "")
            self.boundaries.meet(module)

        for item in session.items:  # of every kind: functions, methods, those of unittest
            item.runtest = partial(self.watched, item, item.runtest)

    def watched(self, item, runtest: Callable[[], None]) -> None:
        left = self.left[item.nodeid.partition("::")[2]] = {}
        function = getattr(item, "obj", None)
        with kept_locals(function, getattr(item, "originalname", None) or item.name, left):
            runtest()


def name_originals(sandbox: Sandbox, held: Mapping[str, Any], file: str) -> None:
    """Let functions that pytest has compiled itself name the file that theirs is a copy of, as all
    others of the sandbox do: profilers go by it."""
    for value in list(held.values()):
        function = inspect.unwrap(value) if callable(value) else value
        if inspect.isclass(function) and function.__module__ == held.get("__name__"):
            name_originals(sandbox, vars(function) | {"__name__": function.__module__}, file)
        elif isinstance(function, types.FunctionType) and function.__code__.co_filename == file:
            function.__code__ = renamed(function.__code__, sandbox.original(file))


def renamed(code: types.CodeType, file: str) -> types.CodeType:
    """The code and all code in it, as of that file."""
    inner = (renamed(c, file) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    return code.replace(co_filename=file, co_consts=tuple(inner))


def run_chosen(sandbox: Sandbox, boundaries: Boundaries) -> dict[str, Any]:
    """The chosen tests under pytest; their variables at the end.

    Raises:
        Broken: pytest is missing, or a test did not pass.
    """
    program, tests = sandbox.program, BoundedTests(boundaries, sandbox)
    options = [f"--basetemp={sandbox.folder}/.basetemp"]
    options += ["-c", str(sandbox.folder / program.config)] if program.config else []
    if problem := run_tests(str(sandbox.folder / program.file), program.part, options, tests):
        raise Broken(problem, tests.absent)
    sandbox.seconds, sandbox.config = tests.seconds, tests.config
    if len(tests.left) == 1:
        return next(iter(tests.left.values()))
    return {f"{t}.{k}": v for t, left in tests.left.items() for k, v in left.items()}
