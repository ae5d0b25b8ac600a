"""Nothing in a user's project is changed, whatever kind of program it is and whatever it writes."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from said import complaints

from groundspeed.tools.profiling.program import profile_target
from groundspeed.tools.profiling.program.launch import InstrumentRuns
from groundspeed.validation.records.errors import ProgramFailed

CORE = """
import numpy as np

def relax(u):
    return u + 0.1 * (np.roll(u, 1) - 2 * u + np.roll(u, -1))
"""
RUN = """
from mysim.core import relax
import numpy as np
u = np.sin(np.arange(32.0))
for _ in range(4):
    u = relax(u)
np.save("results/u.npy", u)
with open("results/log.txt", "a") as log:
    log.write("one run more")
"""
GUARDED = """
import numpy as np
from mysim.core import relax

def main():
    u = relax(np.sin(np.arange(32.0)))
    np.save("results/u.npy", u)
    return u

if __name__ == "__main__":
    main()
"""
TEST = """
import numpy as np
from mysim.core import relax

def test_relax(tmp_path):
    u = np.sin(np.arange(32.0))
    for _ in range(4):
        u = relax(u)
    np.save(tmp_path / "u.npy", u)
    np.save("results/u.npy", u)
    assert abs(u).max() < 1
"""
CASE = """
import unittest
import numpy as np
from mysim.core import relax

class TestRelax(unittest.TestCase):
    def test_relax(self):
        u = relax(np.sin(np.arange(32.0)))
        np.savetxt("results/u.txt", u)
        self.assertLess(abs(u).max(), 1)
"""
COMPILED = """
import numpy as np
from numba import njit

@njit(cache=True)
def kick(v):
    for i in range(v.size):
        v[i] -= 0.1 * v[i]
    return v

v = kick(np.linspace(1.0, 2.0, 16))
v.tofile("results/v.bin")
"""
RESUMED = """
import os
import sqlite3
import torch

field = torch.load("data/state.pt") * 0.5 + 0.1
torch.save(field, "data/state.pt")
with sqlite3.connect("data/runs.db") as base:
    base.execute("create table if not exists runs (mean real)")
    base.execute("insert into runs values (?)", (float(field.mean()),))
base.close()
os.replace("data/old.txt", "data/new.txt")
os.makedirs("made/deep", exist_ok=True)
"""
FILES = {
    "pyproject.toml": "[project]\nname = 'mysim'\n",
    "mysim/__init__.py": "",
    "mysim/core.py": CORE,
    "mysim/solve.py": RUN,
    "run.py": RUN,
    "guarded.py": GUARDED,
    "test_relax.py": TEST,
    "test_case.py": CASE,
    "compiled.py": COMPILED,
    "resumed.py": RESUMED,
    "wave.ipynb": "{}",
    "data/old.txt": "mine",
    "results/log.txt": "mine",
}
KINDS = {
    "script": "run.py",
    "callable": "guarded.py::main",
    "module": "mysim.solve",
    "pytest": "test_relax.py",
    "unittest": "test_case.py",
    "compiled": "compiled.py",
    "external files": "resumed.py",
}


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project of every kind, in which the command is given."""
    root = tmp_path / "project"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    torch.save(torch.linspace(0, 1, 6), root / "data" / "state.pt")
    np.save(root / "results" / "u.npy", np.zeros(3))
    (root / "empty").mkdir()
    monkeypatch.chdir(root)
    return root


def fingerprint(project: Path) -> dict[str, tuple]:
    """Content, time and identity of every file and folder; of a folder its names too."""
    found = {}
    for here, folders, files in os.walk(project):
        for name in (*files, *folders):
            path = Path(here, name)
            seen = path.stat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
            found[str(path.relative_to(project))] = (content, seen.st_mtime_ns, seen.st_ino)
    return found


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_profiled_project_is_as_it_was(kind, project):
    pytest.importorskip("numba")
    before = fingerprint(project)
    runs = InstrumentRuns(profile_target.parse(KINDS[kind]), 100.0, 1)
    starts = []
    for _ in range(2):  # the second finds the project as the first did
        runs.run("bare", seconds=0.1)
        starts.append((runs.folder.top / "results" / "log.txt").read_text().count("one run more"))
    assert starts[0] == starts[1]
    assert fingerprint(project) == before


def test_a_program_that_reaches_its_project_by_a_full_path_is_told_of_it(project):
    (project / "run.py").write_text(f"open({str(project / 'log.txt')!r}, 'w').write('x')\n")
    runs = InstrumentRuns(profile_target.parse("run.py"), 100.0, 1)
    with pytest.raises(ProgramFailed, match=r"log\.txt of the project is another file") as told:
        runs.run("bare", seconds=0.1)
    assert told.value.code == "E-PROJECT"


def test_a_project_that_is_installed_in_place_is_imported_from_its_copy(project, monkeypatch):
    """It is found by its own path, as an editable install has it."""
    (project / "where.py").write_text(
        "import mysim.core\nopen('results/where.txt', 'w').write(mysim.core.__file__)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(project))
    runs = InstrumentRuns(profile_target.parse("where.py"), 100.0, 1)
    runs.run("bare", seconds=0.1)
    found = Path((runs.folder.top / "results" / "where.txt").read_text())
    assert found == runs.folder.top / "mysim" / "core.py"


@pytest.mark.parametrize(
    ("target", "fixture", "text"),
    [
        ("test_place.py", "tmp_path", ""),
        ("test_place.py", "tmpdir", ""),
        ("inside.py", "tmp_path", "import pytest\npytest.main(['test_place.py'])"),
        ("outside.py", "tmp_path", "import subprocess, sys\n"
         "subprocess.run([sys.executable, '-m', 'pytest', 'test_place.py'], check=True)"),
    ],
)  # fmt: skip
def test_folders_of_earlier_tests_are_no_part_of_a_profile(target, fixture, text, project):
    """pytest deletes what it kept of earlier sessions beside the new one, for minutes."""
    (project / "test_place.py").write_text(
        f"def test_place({fixture}):\n    open('results/place.txt', 'w').write(str({fixture}))\n"
    )
    if text:
        (project / target).write_text(text)
    runs = InstrumentRuns(profile_target.parse(target), 100.0, 1)
    runs.run("bare", seconds=0.1)
    found = Path((runs.folder.top / "results" / "place.txt").read_text())
    assert found.is_relative_to(runs.scratch)


def test_a_folder_can_be_named_as_the_project_of_a_profile(project):
    inner = profile_target.parse("mysim/core.py::relax", project_folder=project / "mysim")
    assert inner.project == str(project / "mysim")
    with pytest.raises(ValueError, match=r"--project .*data does not hold .*run\.py"):
        profile_target.parse("run.py", project_folder=project / "data")


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", [*(kind for kind in KINDS if kind != "module"), "notebook"])
def test_every_verb_leaves_every_kind_of_project_as_it_was(kind, project, repository, warm):
    """`create`, `new`, `validate` and `profile`, as a user gives them from elsewhere."""
    path, name = str(project / KINDS.get(kind, "wave.ipynb")), f"{kind.replace(' ', '_')}_v1"
    before = fingerprint(project)
    for words in (
        ["create", path, "--name", name],
        ["new", f"{name}_null", "--baseline", name],
        ["validate", f"{name}_null"],
        ["profile", path, "--seconds", "0.2"],
    ):
        done = warm.run(repository, project.parent, words)
        assert fingerprint(project) == before, words
        if kind != "notebook":
            assert done.returncode == 0, done.stderr
        elif words[0] in ("create", "profile"):
            assert "nbconvert" in complaints(done.stderr)[0]
