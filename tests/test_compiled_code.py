"""Machine code that numba keeps is of the sources as they are, whoever imported numba first."""

import shutil
import subprocess
import sys

import pytest

from validation.digests import ROOT

pytest.importorskip("numba")

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
    "numba first, as the judge has it": "import validation.readiness, optimizations.leaf.caller as c",
    "numba last, as the clock has it": "import optimizations.leaf.caller as c",
}


@pytest.mark.parametrize("imports", IMPORTS.values(), ids=IMPORTS)
def test_a_changed_helper_is_compiled_into_its_unchanged_caller(tmp_path, imports):
    """numba looks at the caller's file alone: a right result, kept, would hide the change."""
    leaf = tmp_path / "optimizations" / "leaf"
    leaf.mkdir(parents=True)
    shutil.copy(ROOT / "optimizations" / "__init__.py", leaf.parent)
    shutil.copytree(ROOT / "validation", tmp_path / "validation")
    (leaf / "__init__.py").touch()
    (leaf / "caller.py").write_text(CALLER)

    def result(factor: int) -> str:
        (leaf / "helper.py").write_text(HELPER.format(factor=factor))
        done = subprocess.run(
            [sys.executable, "-c", f"{imports}; print(c.scaled(1))"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip() or done.stderr

    assert (result(2), result(2), result(3)) == ("2", "2", "3")
    assert not list(leaf.glob("__pycache__/*.nbc")), "kept beside the sources, by their dates alone"
    assert list(tmp_path.glob(".groundspeed/compiled/**/*.nbc"))
