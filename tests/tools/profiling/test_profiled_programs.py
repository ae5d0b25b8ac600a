"""What can be profiled: paths, programs that hang, fork or die, and what they leave behind."""

import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from said import complaints

from groundspeed.tools.__main__ import main
from groundspeed.tools.profiling import profile_record, profile_session, worker
from groundspeed.tools.profiling.instruments import py_spy_pass
from groundspeed.tools.profiling.profile_record import Profile, folder
from groundspeed.tools.profiling.program import profile_target, workload
from groundspeed.tools.profiling.program.launch import (
    InstrumentRuns,
    NoInstrument,
    ProgramFailed,
    died,
)
from groundspeed.tools.profiling.program.source_scope import Own
from groundspeed.validation.records import digests

HERE = Path(__file__).resolve()
ROOT = HERE.parents[3]
OWN = Own(str(HERE.parent), "script")


def made(tmp_path: Path, name: str, text: str) -> str:
    (tmp_path / name).write_text(text)
    return str(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text", "member", "kind"),
    [
        ("run.py", "x = 1", "", "script"),
        ("test_a.py", "def test_b(): pass", "", "pytest"),
        ("test_a.py", "def main(): pass", "", "script"),
        ("test_a.py", "def main(): pass", "::main", "callable"),
        ("test_a.py", "class TestX: pass", "::TestX::test_y[1-2]", "pytest"),
    ],
)
def test_a_path_says_what_it_is(tmp_path, name, text, member, kind):
    assert profile_target.parse(made(tmp_path, name, text) + member).kind == kind


def test_a_callable_of_an_installed_package_is_found_without_importing_it():
    assert profile_target.parse("scipy.special::gamma").kind == "callable"


IMPORTED = """
import dataclasses, json, sys
from groundspeed.tools.profiling.program import profile_target, workload
run = workload.WholeRun(dataclasses.asdict(profile_target.parse(sys.argv[1])), 1)
run.prepare()
print(json.dumps(run.call()))
"""


@pytest.mark.parametrize(
    ("files", "target"),
    [
        ({"statistics.py": "def go(): return 7"}, "statistics.py::go"),
        ({"time.py": "def go(): return 7"}, "time.py::go"),
        ({"tools.py": "class A:\n    @staticmethod\n    def go(): return 7"}, "tools.py::A.go"),
        ({"p/__init__.py": "", "p/b.py": "C = 7", "p/a.py": "from .b import C\ndef go(): return C"},
         "p/a.py::go"),
        ({"q/b.py": "C = 7", "q/a.py": "from .b import C\ndef go(): return C"}, "q.a:go"),
    ],
)  # fmt: skip
def test_the_named_file_is_profiled_whatever_else_has_its_name(files, target, tmp_path):
    """A module of the standard library, or of this harness, may be imported under that name."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, target],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "7", done.stderr


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """The harness, with no engine in it."""
    root = tmp_path_factory.mktemp("repository")
    for package in ("groundspeed", "tools", "validation"):
        shutil.copytree(ROOT / package, root / package)
    for package in ("baselines", "optimizations"):
        (root / package).mkdir()
        for file in (ROOT / package).glob("*.py"):
            shutil.copy(file, root / package)
    shutil.copytree(ROOT / "baselines" / "foreign", root / "baselines" / "foreign")
    return root


WRONG = {
    "no such file": ("nothing.py", None, 2, "no such file"),
    "no Python": ("data.txt", "x", 2, "no Python file"),
    "broken source": ("broken.py", "def f(:", 1, "broken.py:1 is no Python"),
    "missing package": ("a.py", "import nonsense_pkg", 1, "No module named 'nonsense_pkg'"),
    "raises": ("a.py", "x = 1\nraise ValueError('bad\\n\\0thing')", 1, "bad ?thing (a.py:2)"),
    "ends itself": ("a.py", "import sys; sys.exit('no input')", 1, "no input"),
    "dies": ("a.py", "import os; print(b'\\xff'); os._exit(3)", 1, "exit code 3"),
    "fails": ("test_a.py", "def test_a():\n    assert 1 == 2", 1, "test_a.py:2"),
    "skips": ("test_a.py", "import pytest\ndef test_a(): pytest.skip('rain')", 1, "rain"),
    "needs": (
        "test_a.py",
        "import no_such\ndef test_a(): pass",
        1,
        "pip install no_such [E-MOD",
    ),
    "hangs": ("a.py", "import time; time.sleep(60)", 1, "--patience-s"),
}


@pytest.mark.parametrize("what", list(WRONG))
def test_what_cannot_be_profiled_gives_one_line_and_leaves_nothing(
    what, tmp_path, monkeypatch, capfd
):
    name, text, code, told = WRONG[what]
    root, project = tmp_path / "root", tmp_path / "project"
    project.mkdir()
    if text is not None:
        (project / name).write_text(text)
    monkeypatch.chdir(project)
    monkeypatch.setattr(digests, "ROOT", root)
    monkeypatch.setattr(profile_record, "folder", partial(folder, root=root))
    patience = "2" if what == "hangs" else "60"
    monkeypatch.setattr(sys, "argv", ["groundspeed", "profile", name, "--patience-s", patience])
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with pytest.raises(SystemExit) as ended:
        main()
    for number, handler in before.items():
        signal.signal(number, handler)
    out, said = capfd.readouterr()
    assert ended.value.code == code, said
    assert told in said
    assert len(complaints(said)) == 1
    assert not out
    assert not root.exists()
    assert [p.name for p in project.iterdir()] == ([name] if text is not None else [])


def test_an_engine_runs_bare():
    spec = {"seconds": 0.01, "steps": 1, "blocks": 1}
    work = workload.EngineRun(
        {"what": "lattice_field_v1", "case": "odd_2d"}, torch.get_num_threads()
    )
    work.prepare()
    assert worker.bare(spec, OWN)(work)["case"] == "odd_2d"


PROGRAM = """
import os, sys
import numpy as np

def slow(n):
    total = 0.0
    for i in range(n):
        total += (i * 0.5) ** 0.5      # the hot line
    return total

def constant():
    return np.full(5000, 2.0)

sys.stdout.buffer.write(bytes(range(256)))
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
for _ in range(3):
    slow(300_000)
    constant()
"""


def test_a_program_that_forks_and_prints_binary_is_profiled(repository, tmp_path):
    """As a user would, by the script of that name."""
    project = tmp_path
    (project / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(repository / "tools/profile_test.py"), "program.py", "--seconds=0.5"],
        cwd=project,
        env=os.environ | {"PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    place = folder("program", repository)
    profile = Profile.read(place / "raw" / "profile.json")
    assert all(m.value is not None or m.reason for m in profile.metrics.values())
    assert "constant()" in [r.what for r in profile.repeated]
    if profile.lines:  # where py-spy may look
        assert max(profile.lines, key=lambda x: x.share).line in (7, 8)
        hits = {line.line: line.hits for line in profile.lines}
        assert hits[8] == pytest.approx(9e5)
        assert (place / "flamegraph.svg").exists()
    assert "numpy cannot be observed" in profile.unavailable["operators"]
    assert (place / "report.md").read_text().startswith("# Profile: program")
    assert [p.name for p in project.iterdir()] == ["program.py"]


CACHED = """
import numpy as np
from numba import njit

@njit(cache=True)
def kick(v):
    return v - 0.1 * v

v = kick(np.ones(4))
"""


def test_a_profiled_program_keeps_its_compiled_code_elsewhere(tmp_path):
    pytest.importorskip("numba")
    file = tmp_path / "program.py"
    file.write_text(CACHED)
    runs = InstrumentRuns(profile_target.parse(str(file)), 100.0, 1)
    runs.run("bare", seconds=0.1)
    assert [path.name for path in tmp_path.iterdir()] == ["program.py"]
    assert [*runs.scratch.rglob("program.kick*.nbi")]


class Denied:
    """A target that py-spy may not look at."""

    target, scratch = (
        profile_target.ProfileTarget("x", "script", str(HERE), root=str(HERE.parent)),
        Path(),
    )
    count = 0

    def run(self, *words, **spec):
        raise ProgramFailed("Permission Denied: ptrace")


def test_where_py_spy_may_not_look_hot_functions_are_those_that_took_longest():
    with pytest.raises(NoInstrument, match="py-spy: Permission Denied"):
        py_spy_pass.sampled(Denied(), 1, True)
    look = profile_session.Look(Denied(), None, None)
    row = {"own": True, "file": str(HERE)}
    times = {10: 0.1, 20: 5.0, 30: 0.3}
    look.raw["calls"] = {
        "rows": [row | {"first_line": n, "inclusive_s": s} for n, s in times.items()]
    }
    assert look.hot() == {str(HERE): [0, 10, 20, 30]}  # 0: the script itself


def test_what_a_dead_process_said_names_no_folders_of_this_machine(tmp_path):
    log = tmp_path / "log"
    log.write_text("- f (/a/home/of/someone/torch/_tensor.py:11): skipped, 1/2 of it\n")
    assert died(1, log).endswith("- f (torch/_tensor.py:11): skipped, 1/2 of it")
