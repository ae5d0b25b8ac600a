"""Physics stands alone: imports run one way, from tools down to baselines."""

import ast
import builtins
import json
import re
import shutil
from dataclasses import dataclass, field
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from groundspeed.tools.records.protocols import CLOCK
from groundspeed.validation.records.digests import of_file

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("groundspeed", "baselines", "validation", "optimizations", "tools")
MAY_IMPORT = {
    "groundspeed": {"groundspeed"},
    "baselines": {"groundspeed", "baselines"},
    "validation": {"groundspeed", "validation", "baselines"},
    "implementation": {"groundspeed", "baselines", "optimizations"},
    "validation.py": {"groundspeed", "validation"},
    "benchmark.py": {"groundspeed", "tools"},
    "tools": {"groundspeed", "tools", "validation", "baselines"},
}
ENTRY = "groundspeed/__main__.py"  # where the command line begins
CLOCKS = {"time", "timeit", "torch.profiler", "torch.utils.benchmark"}
FOREIGN = "frozen_sources"  # in a created baseline: somebody else's program, run and not imported
FILES = [
    path
    for layer in LAYERS
    for path in sorted((ROOT / layer).rglob("*.py"))
    if path.parent.name != "optimizations" and FOREIGN not in path.parts
]


def short(module: str) -> str:
    """groundspeed.tools.cli -> tools.cli: the folder that it lies in."""
    layer = module.removeprefix("groundspeed.")
    return layer if layer.partition(".")[0] in LAYERS else module


@dataclass
class Contents:
    """What the rules ask of a file."""

    imports: set[str] = field(default_factory=set)  # modules that it imports absolutely
    classes: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)  # that its code mentions
    errors: set[str] = field(default_factory=set)  # that its docstrings say are raised

    def note(self, node: ast.AST) -> None:
        match node:
            case ast.Import():
                self.imports |= {short(alias.name) for alias in node.names}
            case ast.ImportFrom(level=0):
                names = [f"{node.module}.{a.name}" for a in node.names]
                names += [node.module] if node.module != "groundspeed" else []  # for what is in it
                self.imports |= {short(name) for name in names}
            case ast.Call(func=ast.Name(id="verb")):  # of the command line: imported when called
                self.imports.add(short(node.args[0].value))
            case ast.Name():
                self.names.add(node.id)
            case ast.ClassDef():
                self.classes.add(node.name)
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            _, _, raises = (ast.get_docstring(node) or "").partition("Raises:\n")
            self.errors |= set(re.findall(r"^    ([\w.]+):", raises, re.MULTILINE))


@cache
def read(text: str) -> Contents:
    """Each text is parsed once, whichever files have it."""
    found = Contents()
    for node in ast.walk(ast.parse(text)):
        found.note(node)
    return found


def imported(path: Path) -> set[str]:
    return read(path.read_text()).imports


def key(path: Path) -> str:
    layer = path.relative_to(ROOT).parts[0]
    if layer != "optimizations":
        return layer
    return path.name if path.name in MAY_IMPORT else "implementation"


PHYSICS = ("baselines", "validation", "implementation", "validation.py")
OTHERS = {"numpy", "numba", "scipy", "pydantic"}
FORBIDDEN = {  # what a file must not import
    "a layer above": lambda path, m: (
        m.split(".")[0] in set(LAYERS) - MAY_IMPORT[key(path)] and path != ROOT / ENTRY
    ),
    "a clock": lambda path, m: key(path) in PHYSICS and m in CLOCKS,
    "more than torch": lambda path, m: key(path) == "baselines" and m.split(".")[0] in OTHERS,
    "foreign sources": lambda path, m: FOREIGN in m.split("."),
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_imports_what_it_must_not(what):
    forbidden = FORBIDDEN[what]
    pairs = ((path, module) for path in FILES for module in imported(path))
    assert [f"{path} imports {m}" for path, m in pairs if forbidden(path, m)] == []


@pytest.mark.parametrize(
    ("what", "file", "module"),
    [
        ("a layer above", "validation/claims.py", "tools.suite"),
        ("a layer above", "baselines/engine.py", "validation"),
        ("a clock", "optimizations/x/implementation.py", "torch.profiler"),
        ("more than torch", "baselines/x_v1/__init__.py", "numpy.linalg"),
        ("foreign sources", "tools/suite.py", f"baselines.x.{FOREIGN}.program"),
    ],
)
def test_what_must_not_be_imported_is_found(what, file, module):
    assert FORBIDDEN[what](ROOT / file, module)


def test_foreign_sources_lie_in_baselines_that_say_what_they_are():
    """Nothing of ours hides there: each file is named, with its digest, in origin.json."""
    for folder in ROOT.glob(f"baselines/*/{FOREIGN}"):
        files = json.loads((folder.parent / "origin.json").read_text())["files"]
        for path in folder.rglob("*"):
            assert path.is_dir() or files[str(path.relative_to(folder.parent))] == of_file(path)
    layers = [p for layer in LAYERS for p in (ROOT / layer).rglob(FOREIGN) if p.is_dir()]
    assert all(p.parent.parent == ROOT / "baselines" for p in layers)


MOST_MODULES = 24  # in a folder
TOP_LEVEL = 16  # modules that lie in no package of tools or validation
DEEPEST = 14  # modules in the longest chain of imports; where the project lies is two of them
SHARED = {"__init__", "command", "worker"}  # stems that several modules may have


class Harness:
    """Modules of ours outside the engines, and what imports what; late imports count."""

    def __init__(self, root: Path):
        self.root = root
        files = [p for layer in ("tools", "validation") for p in (root / layer).rglob("*.py")]
        files += [p for p in (root / "groundspeed").glob("*.py") if p != root / ENTRY]
        files += [root / "baselines" / "__init__.py", root / "baselines" / "engine.py"]
        files += [root / "baselines" / "device.py", *(root / "baselines/foreign").glob("*.py")]
        self.files = {self.module(path): path for path in files}
        self.imports = {m: set(self.imported(m)) - {m} for m in self.files}

    def module(self, path: Path) -> str:
        parts = path.relative_to(self.root).with_suffix("").parts
        return ".".join(parts).removesuffix(".__init__")

    def imported(self, module: str):
        named = {name for name in imported(self.files[module]) if name in self.files}
        inner = {name.rpartition(".")[0] for name in named}  # named only for a module in it
        return named - {p for p in inner if self.files.get(p, Path()).name == "__init__.py"}

    def package(self, module: str) -> str:
        """The folder that it lies in; of a top-level module, itself."""
        if self.files[module].name == "__init__.py" or module.count(".") < 2:
            return module
        return module.rpartition(".")[0]

    def packages(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {self.package(m): set() for m in self.files}
        for module, others in self.imports.items():
            here = self.package(module)
            found[here] |= {self.package(other) for other in others} - {here}
        return found

    def reached(self, module: str) -> set[str]:
        seen, waiting = set(), [module]
        while waiting:
            here = waiting.pop()
            if here not in seen:
                seen.add(here)
                waiting += self.imports[here]
        return seen


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """Names that import one another in a ring; none where the graph runs one way."""
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return error.args[1]
    return []


HARNESS = Harness(ROOT)


def test_no_module_imports_itself_by_way_of_others():
    assert cycle(HARNESS.imports) == []


def test_a_chain_of_imports_is_short():
    depth: dict[str, int] = {}
    for module in TopologicalSorter(HARNESS.imports).static_order():
        depth[module] = 1 + max((depth[m] for m in HARNESS.imports[module]), default=0)
    assert max(depth.values()) <= DEEPEST, [m for m, n in depth.items() if n > DEEPEST]


def test_packages_import_downwards_only():
    assert cycle(HARNESS.packages()) == []


def test_an_upward_import_is_found(tmp_path):
    """The judge's tolerance asks the judge: two packages import one another."""
    for layer in ("groundspeed", "baselines", "validation", "tools"):
        skip = shutil.ignore_patterns("*_v[0-9]", "__pycache__")
        shutil.copytree(ROOT / layer, tmp_path / layer, ignore=skip)
    planted = tmp_path / "validation" / "reference" / "envelope.py"
    late = "\n\ndef upward():\n    from groundspeed.validation.judge import checks\n"
    planted.write_text(planted.read_text() + late)
    found = cycle(Harness(tmp_path).packages())
    assert {"validation.judge", "validation.reference"} <= set(found)


def test_a_candidate_s_process_imports_nothing_that_judges():
    reached = HARNESS.reached("validation.worker.server")
    assert not [m for m in reached if m.startswith(("validation.judge", "tools"))]


def test_folders_are_small_enough_to_be_read():
    folders = {p.parent for p in HARNESS.files.values()}
    large = {f: n for f in folders if (n := len(list(f.glob("*.py")))) > MOST_MODULES}
    assert not large
    top = [p for layer in ("tools", "validation") for p in (ROOT / layer).glob("*.py")]
    assert len(top) <= TOP_LEVEL


def test_a_module_has_a_name_of_its_own():
    stems = [m.rpartition(".")[2] for m, p in HARNESS.files.items() if p.stem not in SHARED]
    assert sorted(stems) == sorted(set(stems))


def parts_of(package, files):
    """Modules of a package that these files import."""
    named = {m for file in files for m in imported(file) if m.startswith(f"{package}.")}
    return {m for m in named if m in HARNESS.files}


def test_what_refuses_a_number_and_what_makes_one_is_locked_under_the_clocks_protocol():
    """The rest that the clock imports says when and where, and files what it found."""
    about = {
        "tools.records",
        "tools.process",
        "tools.console",
        "tools.experiments.sweep_sizes",
    }
    locked = {HARNESS.module(path) for path in CLOCK.modules()}
    for module in (
        "tools.timing.session",
        "tools.experiments.sweep_worker",
    ):
        used = parts_of("tools", [HARNESS.files[module]]) - locked
        assert {m for m in used if m not in about and HARNESS.package(m) not in about} == set()


def test_a_docstring_names_errors_that_exist():
    """Else a class that was given another name stays in the docstrings of those who raise it."""
    contents = {file: read(file.read_text()) for file in FILES}
    known = set(dir(builtins)).union(*(found.classes for found in contents.values()))
    unknown = {file: found.errors - found.names - known for file, found in contents.items()}
    assert [f"{file}: {name}" for file, names in unknown.items() for name in names] == []
