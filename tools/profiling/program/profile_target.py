"""What is profiled: an engine by its name, or a stranger's script, test or callable by its path."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import re
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import baselines
from validation import discovery
from validation.records import digests

MARKS = ("pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini", ".git")
ALLOWED = (
    "allowed: a baseline, an optimization, a script, test or module FILE.py[::CALLABLE], "
    "or package.module::callable"
)


@dataclass(frozen=True)
class ProfileTarget:
    """One run, as data that travels to another process.

    Attributes:
        name: folder of its reports.
        kind: "engine", "script", "test" or "callable".
        what: name of the engine, path of the file, or dotted module.
        member: of the file: a callable, or the rest of a pytest id.
        root: folder whose files are the program's own; their lines are reported.
        case: of an engine; empty means the first timed one.
    """

    name: str
    kind: str
    what: str
    member: str = ""
    root: str = ""
    case: str = ""
    arguments: tuple[str, ...] = field(default=())

    def plain(self) -> dict:
        return asdict(self)


def parse(text: str, case: str = "", arguments: tuple[str, ...] = ()) -> ProfileTarget:
    """The target that these words name.

    Raises:
        LookupError: there is nothing of that name, or it cannot be profiled.
    """
    if text in baselines.names() or text in discovery.names():
        if arguments:
            raise LookupError(f"{text} is an engine and takes no arguments; got {arguments}")
        name = f"{text}_{case}" if case else text
        return ProfileTarget(name, "engine", text, root=str(digests.ROOT), case=case)
    if case:
        raise LookupError(f"--case is for engines and {text!r} is none; see: groundspeed list")
    place, _, member = text.partition("::")
    path = Path(place)
    if path.is_file():
        return of_file(path.resolve(), member, arguments)
    if path.is_dir():
        raise LookupError(f"{place} is a folder; {ALLOWED}")
    if place.endswith(".py") or "/" in place:
        raise LookupError(f"no such file: {place}; {ALLOWED}")
    return of_module(place, member, text, arguments)


def known() -> list[str]:
    return [*baselines.names(), *discovery.names()]


def of_file(path: Path, member: str, arguments: tuple[str, ...]) -> ProfileTarget:
    if path.suffix != ".py":
        raise LookupError(f"{path.name} is no Python file; {ALLOWED}")
    kind = kind_of(path, member)
    name = slug("_".join(filter(None, (path.stem.removeprefix("test_"), member))))
    return ProfileTarget(name, kind, str(path), member, str(project(path)), arguments=arguments)


def kind_of(path: Path, member: str) -> str:
    """A test if it looks like pytest's, a callable if one is named, else a script."""
    if member:
        head = member.split("::")[0]
        return "test" if head.startswith(("test", "Test")) else "callable"
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 0
        raise LookupError(f"{path.name}:{line} is no valid Python: {error}; mend it") from None
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    tests = any(
        (isinstance(n, functions) and n.name.startswith("test"))
        or (isinstance(n, ast.ClassDef) and n.name.startswith("Test"))
        for n in tree.body
    )
    return "test" if tests and re.match(r"test_|.*_test$", path.stem) else "script"


def of_module(module: str, member: str, text: str, arguments: tuple[str, ...]) -> ProfileTarget:
    module, _, short = module.partition(":")
    member = member or short
    top = module.split(".")[0]
    found = top.isidentifier() and importlib.util.find_spec(top)
    if not found or not found.origin or top in sys.builtin_module_names:
        near = difflib.get_close_matches(text, known(), 3) or baselines.names()
        raise LookupError(f"no such file, engine or package: {text!r}; near: {near}; {ALLOWED}")
    if not member:
        raise LookupError(f"{module} is a package: name what to call, {module}::CALLABLE")
    origin = Path(found.origin)
    root = origin.parent if origin.name == "__init__.py" else origin
    return ProfileTarget(
        slug(f"{module}_{member}"), "callable", module, member, str(root), "", arguments
    )


def project(path: Path) -> Path:
    """The nearest folder above that looks like the top of a project, else the file's own."""
    home = Path.home()
    for folder in path.parents:
        if folder in (home, Path(folder.anchor)):
            break
        if any((folder / mark).exists() for mark in MARKS):
            return folder
    return path.parent


def slug(text: str) -> str:
    return re.sub(r"\W+", "_", text).strip("_").lower()
