"""Resolves PATH[::CALLABLE]: a script, a module, a test or a callable, and its project."""

import ast
import keyword
import os
import re
import sys
import sysconfig
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

MARKS = ("pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini", ".git")
TESTS = {ast.FunctionDef: "test", ast.ClassDef: "Test"}  # as their names begin
PACKAGES = {Path(sysconfig.get_path(k)).resolve() for k in ("purelib", "platlib")}


@dataclass(frozen=True)
class Target:
    """What runs: see `baselines.foreign.program.Program` for kind, module and part."""

    text: str  # as the user wrote it
    kind: str
    file: Path
    module: str
    part: str
    project: Path

    @property
    def installed(self) -> bool:
        """Whether it lies in a package that the interpreter has installed."""
        return any(p in self.file.parents for p in PACKAGES)

    def in_project(self, folder: Path) -> Self:
        """The same in the project that its user names.

        Raises:
            ValueError: that folder does not hold it.
        """
        if not self.file.is_relative_to(folder) and not self.installed:
            raise ValueError(f"--project {folder} does not hold {self.file}; name one above it")
        return replace(self, project=folder)

    @property
    def import_folder(self) -> Path:
        """The folder from which ``module`` is imported; a script's own."""
        return self.file.parents[self.module.count(".") + (self.file.name == "__init__.py")]

    @property
    def main(self) -> str:
        """The function of a script that it calls where it is started, if it has one; else ""."""
        if self.kind != "script":
            return ""
        body = ast.parse(self.file.read_bytes()).body
        defined = [node.name for node in body if isinstance(node, ast.FunctionDef)]
        guarded = [node for node in body if isinstance(node, ast.If | ast.Expr)]
        calls = (n.func for g in guarded for n in ast.walk(g) if isinstance(n, ast.Call))
        called = [func.id for func in calls if isinstance(func, ast.Name)]
        return next((name for name in called if name in defined), "")

    @property
    def name(self) -> str:
        """Of the baseline: the file's, or the part's, without ``test_``."""
        words = self.part.split("::")[-1] or (self.module.rpartition(".")[2] or self.file.stem)
        plain = re.sub(r"\W+", "_", words.removeprefix("test_").removesuffix("_test")).strip("_")
        if plain[:1].isdigit():
            plain = f"run_{plain}"  # Python imports no name that begins with a digit
        return plain.lower() if plain and not keyword.iskeyword(plain) else "program"


def resolve(text: str) -> Target:
    """The target of a command line.

    Raises:
        LookupError: nothing of that name, with what is there.
    """
    path, sep, part = text.partition("::")
    if not sep and ":" in text and not Path(text).exists():
        path, _, part = text.partition(":")
    file = Path(path)
    if file.is_dir():
        raise LookupError(f"{path} is a folder; name a script, a test file, or module::callable")
    if not file.exists() and (os.sep in path or file.suffix == ".py"):
        raise LookupError(f"no such file: {path}{suggestion(file)}")
    if file.suffix == ".ipynb" and file.exists():
        raise LookupError(
            f"{path} is a notebook; make a script of it: jupyter nbconvert --to script {path}, "
            f"then name {file.with_suffix('.py')}"
        )
    if file.exists() and file.suffix != ".py":
        raise LookupError(f"{path} is no Python file; name a script, a test or module::callable")
    file = (file if file.exists() else module_file(path)).resolve()
    tree = parsed(file, path)
    if path.endswith(".py"):
        kind = kind_of(file, tree, part)
        module = imported_as(file)[1] if kind == "callable" else ""
    else:
        kind, module = ("callable" if part else "module"), path
        if not part and file.name == "__init__.py":
            file, module = package_main(file, path), f"{path}.__main__"
    if kind == "callable":
        refuse_unknown(tree, part, text, file)
    return Target(text, kind, file, module, part, project_of(file))


def package_main(file: Path, path: str) -> Path:
    main = file.with_name("__main__.py")
    if not main.exists():
        raise LookupError(f"{path} is a package without a __main__; name {path}::callable")
    return main


def kind_of(file: Path, tree: ast.Module, part: str) -> str:
    """A test where pytest would find tests, else a callable of it or the script itself."""
    named = re.fullmatch(r"test_.*|.*_test", file.stem)
    nodes = [node for node in ast.walk(tree) if type(node) in TESTS]
    if named and any(node.name.startswith(TESTS[type(node)]) for node in nodes):
        chosen = part.partition("::")[0].partition("[")[0]
        if not part or chosen.startswith(("test", "Test")) or "::" in part:
            return "pytest"
    return "callable" if part else "script"


def parsed(file: Path, shown: str) -> ast.Module:
    try:
        return ast.parse(file.read_bytes(), shown)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 0
        raise ValueError(f"{shown}:{line} is no Python: {error.args[0]}; correct it") from None


def refuse_unknown(tree: ast.Module, part: str, text: str, file: Path) -> None:
    """Raise where the file can be seen not to define or import the callable."""
    nodes = list(ast.walk(tree))
    names = {getattr(node, "asname", None) or getattr(node, "name", "") for node in nodes}
    names |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    if part.split(".")[0] not in names | {"*"} and "*" not in names:
        kinds = (ast.FunctionDef, ast.ClassDef)
        have = [n.name for n in tree.body if isinstance(n, kinds)][:8]
        raise LookupError(f"no callable {part!r} in {file.name} (asked: {text}); have {have}")


def suggestion(file: Path) -> str:
    """A file of that name nearby, if there is exactly one."""
    if not file.parent.is_dir():
        return f"; the folder {file.parent} does not exist"
    from difflib import get_close_matches

    near = get_close_matches(file.stem, [p.stem for p in file.parent.glob("*.py")], 1)
    return f"; is it {file.parent / near[0]}.py?" if near else ""


def module_file(name: str) -> Path:
    """The file of a dotted module, found without importing anything."""
    inner = Path(*name.split("."))
    for root in (os.getcwd(), *sys.path):
        for file in (Path(root) / f"{inner}.py", Path(root) / inner / "__init__.py"):
            if file.is_file():
                return file
    raise LookupError(
        f"no file and no module {name!r} here; name a .py file, or install the package: "
        f"pip install {name.split('.')[0]}"
    )


def imported_as(file: Path) -> tuple[Path, str]:
    """The folder from which a file is imported, and its dotted name there."""
    parts, folder = [] if file.name == "__init__.py" else [file.stem], file.parent
    while (folder / "__init__.py").exists():
        parts.insert(0, folder.name)
        folder = folder.parent
    return folder, ".".join(parts)


def project_of(file: Path) -> Path:
    """The nearest folder above that looks like a project; else the file's own."""
    for packages in PACKAGES:
        if packages in file.parents:
            return packages
    for folder in file.parents:
        if any((folder / mark).exists() for mark in MARKS) and folder != Path.home():
            return folder
    return imported_as(file)[0]
