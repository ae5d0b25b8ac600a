"""What runs is the text that the verdict is on: no older machine code, no bytes of other kinds."""

import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from groundspeed.validation.records.digests import ROOT

HELPER = """
from numba import njit

@njit(cache=True)
def factor(x):
    return x * {factor}
"""
CALLER = """
from numba import njit
from .helper import factor

@njit(cache=True)
def scaled(x):
    return factor(x)
"""
IMPORTS = {
    "numba first, as the judge has it": "import numba, optimizations.leaf.caller as c",
    "numba last, as the clock has it": "import optimizations.leaf.caller as c",
}


@pytest.fixture
def leaf(tmp_path) -> Path:
    """An empty optimization in a tree of its own."""
    (tmp_path / "baselines").mkdir()
    folder = tmp_path / "optimizations" / "leaf"
    folder.mkdir(parents=True)
    shutil.copy(ROOT / "optimizations" / "__init__.py", folder.parent)
    (folder / "__init__.py").touch()
    return folder


def said(leaf: Path, code: str) -> str:
    """What a program prints that runs in the leaf's tree, or the last line of its complaint."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=leaf.parents[1], capture_output=True, text=True
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("imports", IMPORTS.values(), ids=IMPORTS)
def test_a_changed_helper_is_compiled_into_its_unchanged_caller(leaf, imports):
    """numba looks at the caller's file alone: a right result, kept, would hide the change."""
    pytest.importorskip("numba")
    (leaf / "caller.py").write_text(CALLER)

    def result(factor: int) -> str:
        (leaf / "helper.py").write_text(HELPER.format(factor=factor))
        return said(leaf, f"{imports}; print(c.scaled(1))")

    assert (result(2), result(2), result(3)) == ("2", "2", "3")
    assert not list(leaf.glob("__pycache__/*.nbc")), "kept beside the sources, by their dates alone"
    assert list(leaf.parents[1].glob(".groundspeed/compiled/**/*.nbc"))


def keep_other_bytecode(module: Path, then: str, now: str) -> None:
    """Leave bytecode of another text of the same date and size: two saves within a second, what an
    archive unpacks, or whoever wants it to seem right."""
    module.write_text(then)
    py_compile.compile(str(module))
    date = module.stat()
    module.write_text(now)
    os.utime(module, ns=(date.st_atime_ns, date.st_mtime_ns))


def test_bytecode_of_another_text_is_not_run(leaf):
    keep_other_bytecode(leaf / "implementation.py", "number = 1", "number = 2")
    show = "import importlib, sys; m = importlib.import_module(sys.argv[1]); print(m.number)"
    plain = subprocess.run(
        [sys.executable, "-c", show, "implementation"], cwd=leaf, capture_output=True, text=True
    )
    assert plain.stdout.strip() == "1", "Python itself no longer takes what it kept"
    assert said(leaf, "import optimizations.leaf.implementation as m; print(m.number)") == "2"


@pytest.mark.parametrize("place", ["code/e.py", "baselines/e.py", "e.py", "src/e.py"])
@pytest.mark.parametrize("before", ["", "import code, baselines; "], ids=["new", "seen before"])
def test_nor_is_it_of_the_code_around_it_that_verdicts_cover(leaf, place, before):
    """Finders of folders that were imported from before are asked again."""
    root = leaf.parents[1]
    (root / "groundspeed.toml").write_text('paths = ["src"]')
    for folder in ("code", "src"):
        (root / folder).mkdir()
    for package in ("code", "baselines"):
        (root / package / "__init__.py").touch()
    keep_other_bytecode(root / place, "number = 1", "number = 2")
    module = place.removeprefix("src/").removesuffix(".py").replace("/", ".")
    code = f"{before}import optimizations, importlib; m = importlib.import_module({module!r})"
    assert said(leaf, f"{code}; print(m.number)") == "2"


def test_nor_is_it_where_a_module_is_loaded_by_its_path(leaf):
    """As some editable installs load a single file."""
    place = leaf.parents[1] / "single.py"
    keep_other_bytecode(place, "number = 1", "number = 2")
    code = (
        "import optimizations, importlib.util as u; "
        f"s = u.spec_from_file_location('single', {str(place)!r}); "
        "m = u.module_from_spec(s); s.loader.exec_module(m); print(m.number)"
    )
    assert said(leaf, code) == "2"


OTHERS = ("notes.ipynb", "image.png", "implementation.py.bak", "parts/table.npy", "kernel.so")


@pytest.mark.parametrize("name", [*OTHERS, "report.md", "costs.json", "__pycache__/a.pyc"])
def test_what_is_no_text_may_lie_beside_it(leaf, name):
    (leaf / name).parent.mkdir(exist_ok=True)
    (leaf / name).touch()
    assert said(leaf, "import optimizations.leaf; print('imported')") == "imported"


@pytest.mark.parametrize("name", ["kernel.so", "kernel.pyc"])
def test_what_is_no_text_is_not_run(leaf, name):
    (leaf / name).write_bytes(b"\x7fELF\x00\xff")
    words = said(leaf, "import optimizations.leaf.kernel")
    assert words.startswith(("SyntaxError: ", "UnicodeDecodeError: "))


@pytest.mark.parametrize("linked", ["inner", "inner.py"])
def test_what_lies_behind_a_link_is_not_imported(leaf, linked, tmp_path):
    """A module, or a package without __init__.py."""
    away = tmp_path / "away"
    away.mkdir()
    (away / "fast.py").write_text("number = 1")
    (leaf / linked).symlink_to(away / "fast.py" if linked.endswith(".py") else away)
    module = "inner.fast" if linked == "inner" else "inner"
    words = said(leaf, f"import optimizations.leaf.{module}")
    assert words.startswith("ImportError: optimizations.leaf.inner")
    assert "lies behind a link out of its folder" in words


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("from optimizations.other import number", True),
        ("import optimizations.other.deep", True),
        ("from optimizations.other.deep import number", True),
        ("from ..other import number", False),
        ("from ..other.deep import number", False),
        ("import importlib; importlib.import_module('optimizations.' + 'other')", False),
        ("__import__('optimizations.' + 'other')", False),
    ],
)
def test_another_optimization_is_imported_by_words_that_the_verdict_sees(leaf, line, seen):
    other = leaf.with_name("other")
    other.mkdir()
    for module in ("__init__", "deep"):
        (other / f"{module}.py").write_text("number = 1")
    (leaf / "implementation.py").write_text(line)
    words = said(leaf, "import optimizations.leaf.implementation; print('imported')")
    refused = (
        "ImportError: leaf/implementation.py imports optimizations.other unseen by its verdict"
    )
    assert words == "imported" if seen else words.startswith(refused)
