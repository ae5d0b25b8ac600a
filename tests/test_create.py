"""From somebody's program to a frozen baseline, or one clear line why not."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WAVE = """
import numpy as np

class Wave:
    def __init__(self, n):
        self.u = np.zeros(n)
        self.u[n // 2] = 1.0
        self.v, self.t, self.seen = self.u, 0.0, []

    def step(self, dt):
        bend = np.roll(self.u, 1) + np.roll(self.u, -1) - 2 * self.u
        self.u, self.v = 2 * self.u - self.v + dt**2 * bend, self.u
        self.t += dt
        self.seen.append(self.t)
"""
TEST = """
import pytest
from physics.wave import Wave

@pytest.mark.parametrize("dt", [0.1, 0.2])
def test_wave(size, dt, tmp_path):
    wave = Wave(size)
    for _ in range(12):
        wave.step(dt)
    (tmp_path / "log").write_text("done")
    u = wave.u
    assert abs(u).max() > 0
"""
PAIR = """
from pathlib import Path
from typing import NamedTuple
import numpy as np
import torch

class Pair(NamedTuple):
    u: torch.Tensor
    v: torch.Tensor

def step(pair, dt, *rest, n=0):
    kick = 0.01 * torch.randn_like(pair.u)
    return Pair(pair.u + dt * pair.v, pair.v - dt * pair.u + kick), float(pair.u.sum())

dt = float(Path("data/dt.txt").read_text())
pair = Pair(torch.randn(8), torch.zeros(8))
for n in range(5):
    pair, total = step(pair, dt, n=n)
Path("out").mkdir(exist_ok=True)
np.save("out/u.npy", pair.u.numpy())
print(b"\\xff\\xfe")
"""
# what is wrong: the program, further words, what the one line says
BAD = {
    "import error": ("from math import nonsense", [], "cannot import name 'nonsense'"),
    "missing package": ("import no_such_package", [], "pip install no_such_package"),
    "exit code": ("import sys; sys.exit(3)", [], "exit code 3"),
    "hangs": ("while True: pass", ["--patience-s", "4"], "no end after 4 s"),
    "forks": ("import os\nos.fork() or os._exit(0)", [], "starts another process"),
    "network": (
        "import urllib.request as r\nr.urlopen('http://example.org')",
        [],
        "uses the network",
    ),
    "dies": ("import os; os.write(1, b'\\xff\\n'); os.kill(os.getpid(), 11)", [], "SIGSEGV"),
    "no outputs": ("n = 3", [], "no outputs found"),
    "output unknown": ("import numpy as n; x = n.ones(2)", ["--output", "y"], "leaves ['x']"),
    "step unknown": ("def f(): pass\nf()", ["--step", "program:g"], "no function program:g"),
    "writes by its full path": (
        "open(__import__('os').environ['PROJECT'] + '/x', 'w')",
        [],
        "by its full path",
    ),
}
BAD_TESTS = {
    "fails": ("def test_x():\n    assert 1 == 2, 'energy is lost'", "", "energy is lost"),
    "skips": ("import pytest\ndef test_x():\n    pytest.skip('no sky')", "", "no sky"),
    "unknown id": ("def test_x():\n    pass", "::test_x[9]", "finds no test test_x[9]"),
}
BAD_WORDS = {
    "no such file": (["nosuch.py"], 2, "no such file"),
    "no such module": (["no.such"], 2, "no module 'no.such'"),
    "a folder": (["."], 2, "is a folder"),
    "no Python": (["broken.py"], 1, "is no Python"),
    "callable not found": (["pair.py::stepp"], 2, "no callable 'stepp'"),
    "name taken": (["pair.py", "--name", "lattice_field_v1"], 1, "exists"),
    "step without a module": (["pair.py", "--step", "step"], 1, "module:function"),
    "unknown permission": (["pair.py", "--allow", "all"], 1, "network, processes"),
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """The harness with one baseline's folder, to be in the way."""
    root = tmp_path_factory.mktemp("repository")
    for package in ("tools", "validation"):
        shutil.copytree(
            ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for package in ("baselines", "optimizations"):
        (root / package).mkdir()
        for file in (ROOT / package).glob("*.py"):
            shutil.copy(file, root / package)
    (root / "baselines" / "lattice_field_v1").mkdir()
    return root


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """Somebody's project: a package, tests with fixtures, scripts, data."""
    root = tmp_path_factory.mktemp("project")
    files = {
        "pytest.ini": "[pytest]\n",
        "physics/__init__.py": "",
        "physics/wave.py": WAVE,
        "tier/conftest.py": "import pytest\n@pytest.fixture\ndef size():\n    return 16\n",
        "tier/test_wave.py": TEST,
        "pair.py": PAIR,
        "broken.py": "def f(:",
        "data/dt.txt": "0.1",
        "out/u.npy": "mine",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    return root


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def groundspeed(repository: Path, project: Path, *words: str) -> subprocess.CompletedProcess:
    """`groundspeed` in somebody's project; nothing in it may change."""
    before = contents(project)
    done = subprocess.run(
        [sys.executable, "-B", "-m", "tools", *words],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(repository), "PROJECT": str(project)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert contents(project) == before
    return done


def refused(repository: Path, project: Path, words: list[str], code: int, text: str) -> None:
    """One line that says it, the exit code, and no baseline more than before."""
    before = set((repository / "baselines").glob("*/"))
    done = groundspeed(repository, project, "create", *words)
    assert done.returncode == code, done.stderr
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert set((repository / "baselines").glob("*/")) == before
    assert not list((repository / ".groundspeed").glob("*"))


@pytest.mark.parametrize("what", list(BAD_WORDS))
def test_wrong_words_give_one_clear_line(repository, project, what):
    words, code, text = BAD_WORDS[what]
    refused(repository, project, words, code, text)


@pytest.mark.parametrize("what", list(BAD))
def test_a_bad_program_gives_one_clear_line_and_leaves_nothing(repository, project, what):
    program, words, text = BAD[what]
    path = project / "program.py"
    path.write_text(program + "\n")
    try:
        refused(repository, project, ["program.py", *words], 1, text)
    finally:
        path.unlink()


@pytest.mark.parametrize("what", list(BAD_TESTS))
def test_a_bad_test_gives_one_clear_line_and_leaves_nothing(repository, project, what):
    program, part, text = BAD_TESTS[what]
    path = project / "test_bad.py"
    path.write_text(program + "\n")
    try:
        refused(repository, project, [f"test_bad.py{part}"], 1, text)
    finally:
        path.unlink()


def test_what_is_not_deterministic_is_named_with_its_size(repository, project):
    path = project / "dice.py"
    path.write_text("import numpy as n\nx = n.random.default_rng().normal(size=3)\ny = n.ones(2)\n")
    try:
        done = groundspeed(repository, project, "create", "dice.py")
        assert done.returncode == 1
        assert "not deterministic under a fixed seed: x is" in done.stderr
        assert "--output y" in done.stderr
        assert not (repository / "baselines" / "dice_v1").exists()
    finally:
        path.unlink()


def test_an_interrupt_leaves_nothing(repository, project, tmp_path):
    path = project / "slow.py"
    path.write_text("import time\ntime.sleep(60)\n")
    environment = os.environ | {"PYTHONPATH": str(repository), "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-B", "-m", "tools", "create", "slow.py"],
        cwd=project, env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not list(tmp_path.glob("groundspeed-create-*/spec1")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    path.unlink()
    assert process.returncode == 130
    assert "interrupted" in said
    assert not list(tmp_path.glob("groundspeed-create-*"))
    assert not (repository / "baselines" / "slow_v1").exists()


def test_a_test_with_fixtures_becomes_a_stepping_engine_that_validates(repository, project):
    test = "tier/test_wave.py::test_wave[0.1]"
    words = ["create", test, "--step", "physics.wave:Wave.step", "--name", "wave_v1"]
    done = groundspeed(repository, project, *words)
    assert done.returncode == 0, done.stderr
    folder = repository / "baselines" / "wave_v1"
    origin = json.loads((folder / "origin.json").read_text())
    copies = {p for p in origin["files"] if p.startswith("frozen_sources/")}
    assert copies == {
        f"frozen_sources/project/{p}"
        for p in ("physics/__init__.py", "physics/wave.py", "pytest.ini", "tier/conftest.py",
                  "tier/test_wave.py")
    }  # fmt: skip
    assert {f["name"] for f in origin["step"]["fields"]} == {"u", "v", "t"}
    assert origin["step"]["left_out"] == ["seen"]
    assert "wall time" in (folder / "report.md").read_text()
    validated(repository, project, "wave", FASTER_WAVE, WRONG_WAVE)


FASTER_WAVE = """
from baselines.foreign import substitute
from baselines.wave_v1 import engine as baseline
import numpy as np

def step(self, dt):
    u, new = self.u, np.empty_like(self.u)
    bend = np.roll(u, 1) + np.roll(u, -1) - 2 * u
    new[:] = 2 * u - self.v + dt**2 * bend
    self.u, self.v = new, u
    self.t += dt

engine = substitute(baseline, {"physics.wave:Wave.step": step})
"""
WRONG_WAVE = FASTER_WAVE.replace("dt**2 * bend", "dt**2 * bend * (1 + 1e-6)")


def validated(repository: Path, project: Path, stem: str, right: str, wrong: str) -> None:
    """The null, a right optimization and a wrong one are told apart."""
    for name, text in (("null", ""), ("right", right), ("wrong", wrong)):
        words = ("new", f"{stem}_{name}", "--baseline", f"{stem}_v1")
        assert groundspeed(repository, project, *words).returncode == 0
        if text:
            folder = repository / "optimizations" / f"{stem}_{name}"
            (folder / "implementation.py").write_text(text)
    said = groundspeed(repository, project, "validate", f"{stem}_v1").stdout.splitlines()
    words = {line.split()[0]: line.split()[1] for line in said if line.startswith(stem)}
    assert words == {f"{stem}_null": "VERIFIED", f"{stem}_right": "VERIFIED",
                     f"{stem}_wrong": "REJECTED"}  # fmt: skip


RIGHT_PAIR = """
from baselines.foreign import over_state
from baselines.pair_v1 import State, engine as baseline

def stepper(case):
    inner = baseline.prepare(case)
    def step(state):
        return baseline.observe(case, inner(baseline.adopt(case, state)))
    return step

engine = over_state(baseline, stepper)
"""
WRONG_PAIR = RIGHT_PAIR.replace(
    "return baseline.observe(case, inner(baseline.adopt(case, state)))",
    "s = baseline.observe(case, inner(baseline.adopt(case, state))); "
    "return s._replace(pair_u=s.pair_u + 1e-3)",
)


def test_a_script_with_random_tuples_data_and_files_of_its_own(repository, project):
    done = groundspeed(repository, project, "create", "pair.py", "--step", "pair:step")
    assert done.returncode == 0, done.stderr
    origin = json.loads((repository / "baselines" / "pair_v1" / "origin.json").read_text())
    assert "frozen_sources/project/data/dt.txt" in origin["files"]
    assert origin["step"]["random"]
    assert origin["program"]["writes"]
    assert [s["name"] for s in origin["step"]["scheduled"]] == ["n"]
    assert set(origin["cases"]) == {"recorded", "another_seed"}
    validated(repository, project, "pair", RIGHT_PAIR, WRONG_PAIR)
    data = repository / "baselines" / "pair_v1" / "frozen_sources" / "project" / "data" / "dt.txt"
    data.write_text("0.2")
    done = groundspeed(repository, project, "check", "pair_v1")
    assert done.returncode == 1
    assert "dt.txt was edited" in done.stdout + done.stderr
