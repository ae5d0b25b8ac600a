"""Physics stands alone: imports run one way, from tools down to baselines."""

import ast
import json
from pathlib import Path

import pytest

from tools.protocols import CLOCK
from validation.digests import of_file

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("baselines", "validation", "optimizations", "tools")
MAY_IMPORT = {
    "baselines": {"baselines"},
    "validation": {"validation", "baselines"},
    "implementation": {"baselines", "optimizations"},
    "validation.py": {"validation"},
    "benchmark.py": {"tools"},
    "tools": {"tools", "validation", "baselines"},
}
CLOCKS = {"time", "timeit", "torch.profiler", "torch.utils.benchmark"}
FOREIGN = "frozen_sources"  # in a created baseline: somebody else's program, run and not imported
FILES = [
    path
    for layer in LAYERS
    for path in sorted((ROOT / layer).rglob("*.py"))
    if path.parent.name != "optimizations" and FOREIGN not in path.parts
]


def imported(path: Path) -> set[str]:
    """Modules that a file imports absolutely."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def key(path: Path) -> str:
    layer = path.relative_to(ROOT).parts[0]
    if layer != "optimizations":
        return layer
    return path.name if path.name in MAY_IMPORT else "implementation"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_one_way(path):
    ours = {module.split(".")[0] for module in imported(path)} & set(LAYERS)
    assert ours <= MAY_IMPORT[key(path)]


@pytest.mark.parametrize(
    "path",
    [p for p in FILES if key(p) in ("baselines", "validation", "implementation", "validation.py")],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_physics_has_no_clock(path):
    assert not imported(path) & CLOCKS


@pytest.mark.parametrize(
    "path", [p for p in FILES if key(p) == "baselines"], ids=lambda p: str(p.relative_to(ROOT))
)
def test_engines_need_torch_and_nothing_else_of_others(path):
    others = {m.split(".")[0] for m in imported(path)} & {"numpy", "numba", "scipy", "pydantic"}
    assert not others


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_of_ours_imports_foreign_sources(path):
    assert not [module for module in imported(path) if FOREIGN in module.split(".")]


def test_foreign_sources_lie_in_baselines_that_say_what_they_are():
    """Nothing of ours hides there: each file is named, with its digest, in origin.json."""
    for folder in ROOT.glob(f"baselines/*/{FOREIGN}"):
        files = json.loads((folder.parent / "origin.json").read_text())["files"]
        for path in folder.rglob("*"):
            assert path.is_dir() or files[str(path.relative_to(folder.parent))] == of_file(path)
    layers = [p for layer in LAYERS for p in (ROOT / layer).rglob(FOREIGN) if p.is_dir()]
    assert all(p.parent.parent == ROOT / "baselines" for p in layers)


def parts_of(layer, files):
    """Modules of a layer that these files import."""
    named = {m for file in files for m in imported(file) if m.startswith(f"{layer}.")}
    modules = {m.split(".")[1] for m in named}
    return {m for m in modules if (ROOT / layer / f"{m}.py").exists()}


def test_what_refuses_a_number_and_what_makes_one_is_locked_under_the_clocks_protocol():
    """The rest that the clock imports says when and where, and files what it found."""
    about = {"conditions", "evidence", "protocols", "quietness", "records"}
    locked = {path.stem for path in CLOCK.modules()}
    for name in ("clock", "scenario_worker"):
        assert parts_of("tools", [ROOT / "tools" / f"{name}.py"]) <= locked | about | {"scales"}
