"""From somebody's program to a frozen baseline, or one clear line why not."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from enum import StrEnum
from pathlib import Path

import numpy as np
import pytest
import torch
from said import complaints

from groundspeed.baselines.foreign import read_origin
from groundspeed.baselines.foreign.program import run
from groundspeed.baselines.foreign.sandbox import Boundaries, Broken, Program, Sandbox
from groundspeed.baselines.foreign.snapshot import Snapshot
from groundspeed.tools.create.step_capture import Capture
from groundspeed.tools.create.step_rule import rule

ROOT = Path(__file__).resolve().parents[3]
WAVE = """
from typing import NamedTuple
import torch

class Wave(NamedTuple):
    u: torch.Tensor
    v: torch.Tensor

def step(wave, dt, *rest, n=0):
    kick = 0.01 * torch.randn_like(wave.u)
    return Wave(wave.u + dt * wave.v, wave.v - dt * wave.u + kick), float(wave.u.sum())
"""
TEST = """
import importlib.util
import sys
import tempfile
from pathlib import Path
import numpy as np
import pytest
import torch
from physics.wave import Wave, step

@pytest.mark.parametrize("factor", [0.1, 0.2])
def test_wave(size, factor):
    dt = factor * float(Path("data/dt.txt").read_text())
    wave = Wave(torch.randn(size), torch.zeros(size))
    for n in range(5):
        wave, total = step(wave, dt, n=n)
    Path("out").mkdir(exist_ok=True)
    np.save("out/u.npy", wave.u.numpy())
    with tempfile.TemporaryDirectory() as folder:
        generated = Path(folder, "generated.py")
        generated.write_text("x = 1")
        spec = importlib.util.spec_from_file_location("generated", generated)
        module = sys.modules["generated"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    u = wave.u
    assert abs(u).max() > 0
"""
# what is wrong: the program, further words, what the one line says
BAD = {
    "missing package": ("import no_such_package", [], "pip install no_such_package"),
    "hangs": ("import time; time.sleep(60)", ["--patience-s", "2"], "no end after 2 s"),
    "forks": ("import os\nos.fork() or os._exit(0)", [], "starts another process"),
    "network": (
        "import urllib.request as r\nr.urlopen('http://example.org')",
        [],
        "uses the network",
    ),
    "raises": ("raise ValueError('bad\\0thing')", [], "bad?thing (program.py:1)"),
    "dies": ("import os; os.write(1, b'\\xff\\n'); os.kill(os.getpid(), 11)", [], "SIGSEGV"),
}
CODES = dict.fromkeys(BAD, "E-PROGRAM") | {"missing package": "E-MODULE", "hangs": "E-PATIENCE"}
CODES |= dict.fromkeys(("forks", "network"), "E-OUTSIDE")
# a name that Python has already: files, what is asked for, what the one line says
TAKEN = {
    "of a package": (
        {"signal/__init__.py": "", "signal/sim.py": "def fly(): return 1.0"},
        "signal/sim.py::fly",
        "rename the folder",
    ),
    "of a file that is imported": (
        {"signal.py": "def fly(): return 1.0", "uses.py": "import signal\nu = signal.fly()"},
        "uses.py",
        "rename the file",
    ),
}
BAD_TESTS = {
    "fails": ("def test_x():\n    assert 1 == 2, 'energy is lost'", "", "energy is lost"),
    "skips": ("import pytest\ndef test_x():\n    pytest.skip('no sky')", "", "no sky"),
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
def project(tmp_path_factory) -> Path:
    """Somebody's project: a package, tests with fixtures, scripts, data."""
    root = tmp_path_factory.mktemp("project")
    files = {
        "pytest.ini": "[pytest]\n",
        "physics/__init__.py": "",
        "physics/wave.py": WAVE,
        "tier/conftest.py": "import pytest\n@pytest.fixture\ndef size():\n    return 16\n",
        "tier/test_wave.py": TEST,
        "pair.py": "pair = 1.0",
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


@pytest.fixture
def groundspeed(repository, project, warm, tmp_path):
    """`groundspeed WORDS` in somebody's project; nothing in it may change."""

    def call(*words: str) -> subprocess.CompletedProcess:
        held = contents(project)
        done = warm.run(repository, tmp_path, list(words), cwd=project)
        assert contents(project) == held
        return done

    return call


@pytest.fixture
def refused(repository, groundspeed):
    """One line that says it, the exit code, and no baseline more than before."""

    def call(words: list[str], code: int, text: str, named: str = "E-") -> None:
        before = set((repository / "baselines").glob("*_v*/"))
        done = groundspeed("create", *words)
        assert done.returncode == code, done.stderr
        assert text in done.stderr
        assert len(complaints(done.stderr)) == 1
        assert f" [{named}" in done.stderr
        assert set((repository / "baselines").glob("*_v*/")) == before
        assert not list((repository / ".groundspeed").glob("*"))

    return call


@pytest.mark.parametrize("what", list(BAD_WORDS))
def test_wrong_words_give_one_clear_line(refused, what):
    words, code, text = BAD_WORDS[what]
    refused(words, code, text)


@pytest.mark.parametrize("what", list(BAD))
def test_a_bad_program_gives_one_clear_line_and_leaves_nothing(refused, project, what):
    program, words, text = BAD[what]
    path = project / "program.py"
    path.write_text(program + "\n")
    try:
        refused(["program.py", *words], 1, text, CODES[what])
    finally:
        path.unlink()


@pytest.mark.parametrize("what", list(BAD_TESTS))
def test_a_bad_test_gives_one_clear_line_and_leaves_nothing(refused, project, what):
    program, part, text = BAD_TESTS[what]
    path = project / "test_bad.py"
    path.write_text(program + "\n")
    try:
        refused([f"test_bad.py{part}"], 1, text)
    finally:
        path.unlink()


def test_what_is_not_deterministic_is_named_with_its_size(repository, project, groundspeed):
    path = project / "dice.py"
    path.write_text("import numpy as n\nx = n.random.default_rng().normal(size=3)\ny = n.ones(2)\n")
    try:
        done = groundspeed("create", "dice.py")
        assert done.returncode == 1
        assert "dice.py: not deterministic under a fixed seed: x is" in done.stderr
        assert "--ignore x=REASON" in done.stderr
        assert done.stderr.endswith("[E-RANDOM]\n")
        assert not (repository / "baselines" / "dice_v1").exists()
    finally:
        path.unlink()


def test_an_interrupt_leaves_nothing(repository, project, tmp_path):
    path = project / "slow.py"
    path.write_text("import time\ntime.sleep(60)\n")
    environment = os.environ | {"PYTHONPATH": str(repository), "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-B", "-m", "groundspeed", "create", "slow.py"],
        cwd=project, env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not list(tmp_path.glob("groundspeed-create-*/1/request")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    path.unlink()
    assert process.returncode == 130
    assert "interrupted" in said
    assert not list(tmp_path.glob("groundspeed-create-*"))
    assert not (repository / "baselines" / "slow_v1").exists()


def test_a_test_becomes_a_stepping_engine_with_all_that_it_rests_on(
    repository, project, groundspeed
):
    """Fixtures, a parametrized id, data, random numbers, tuples, given arguments, own files,
    and no module that it wrote itself and threw away."""
    test = "tier/test_wave.py::test_wave[0.1]"
    words = ["create", test, "--step", "physics.wave:step", "--name", "wave_v1"]
    done = groundspeed(*words)
    assert done.returncode == 0, done.stderr
    folder = repository / "baselines" / "wave_v1"
    origin = json.loads((folder / "origin.json").read_text())
    copies = {p for p in origin["files"] if p.startswith("frozen_sources/")}
    assert copies == {
        f"frozen_sources/{project.name}/{p}"
        for p in ("physics/__init__.py", "physics/wave.py", "pytest.ini", "tier/conftest.py",
                  "tier/test_wave.py", "data/dt.txt")
    }  # fmt: skip
    step = origin["step"]
    assert {f["name"]: f["how"] for f in step["fields"]} == {
        "wave_0": "returned", "wave_1": "returned", "n": "input", "result_value_1": "output",
    }  # fmt: skip
    assert step["random"]
    assert origin["program"]["writes"]
    assert set(origin["cases"]) == {"recorded", "another_seed"}
    assert "wall time" in (folder / "report.md").read_text()
    data = folder / "frozen_sources" / project.name / "data" / "dt.txt"
    data.write_text("0.2")
    digest = hashlib.sha256((folder / "origin.json").read_bytes()).hexdigest()
    with pytest.raises(Broken, match="dt.txt was edited"):
        read_origin(folder, digest)


@pytest.mark.parametrize("name", ["time", "signal", "this", "torch", "tools", "__main__"])
def test_a_file_is_called_by_its_path_whatever_has_its_name(tmp_path, name):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / f"{name}.py").write_text("def go():\n    return 2.5\n")
    program = Program(
        kind="callable", file=f"project/{name}.py", module=name, part="go", paths=("project",),
        names=("tools",),
    )  # fmt: skip
    before, calls = sys.modules.get(name), []
    sandbox = Sandbox(tmp_path, program)
    wrap = lambda function: lambda: calls.append(name) or function()  # noqa: E731
    assert run(sandbox, Boundaries({f"{name}:go": wrap}), seed=0)["result"] == 2.5
    assert calls == [name]
    assert sys.modules.get(name) is before


def test_a_file_with_the_name_of_a_built_in_module_becomes_a_baseline(
    repository, project, groundspeed
):
    path = project / "time.py"
    path.write_text("import time\ndef go():\n    u = [1.5, time.time() * 0]\n")
    try:
        done = groundspeed("create", "time.py::go")
        assert done.returncode == 0, done.stderr
        assert (repository / "baselines/go_v1/frozen_sources" / project.name / "time.py").exists()
    finally:
        path.unlink()


@pytest.mark.parametrize("what", list(TAKEN))
def test_a_name_that_is_taken_gives_one_clear_line(refused, project, what):
    files, asked, text = TAKEN[what]
    for name, program in files.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(program + "\n")
    try:
        refused([asked], 1, text)
    finally:
        for name in files:
            (project / name).unlink()
        shutil.rmtree(project / "signal", ignore_errors=True)


def test_a_program_waits_until_another_of_the_process_has_ended(tmp_path):
    """Both have a module of one name, a folder to run in, and random numbers."""
    rooms, left, begun = {}, {}, threading.Event()
    for name, size in (("first", 1), ("second", 2)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "size.py").write_text(f"SIZE = {size}\n")
        (folder / "main.py").write_text(
            "import os, random\n"
            "def meet(): pass\n"
            "meet()\n"
            "from size import SIZE\n"
            "draws, here = [random.random() for _ in range(SIZE)], os.getcwd()\n"
        )
        rooms[name] = Sandbox(
            folder, Program(kind="script", file="main.py", paths=(".",), names=("size",))
        )

    def whole_run(name, meet):
        left[name] = run(rooms[name], Boundaries({"main:meet": lambda _: meet}), 3)

    other = threading.Thread(target=whole_run, args=("second", begun.set), daemon=True)

    def meet():
        other.start()
        assert not begun.wait(1.0), "the second program began inside of the first"

    where, out = os.getcwd(), sys.stdout
    whole_run("first", meet)
    other.join(60)
    assert begun.is_set()
    assert [left[name]["SIZE"] for name in rooms] == [1, 2]
    assert left["first"]["draws"] == left["second"]["draws"][:1]
    assert [left[name]["here"] for name in rooms] == [str(r.folder) for r in rooms.values()]
    assert (os.getcwd(), sys.stdout, "size" in sys.modules) == (where, out, False)


CACHED = """
import numpy as np
from numba import njit

@njit(cache=True)
def kick(v):
    return v - 0.1 * v

v = kick(np.ones(4))
"""


def test_compiled_code_is_kept_in_a_folder_of_the_run(tmp_path):
    """numba names the frozen file as the source, and would keep its machine code beside it."""
    numba = pytest.importorskip("numba")
    before = numba.config.CACHE_DIR
    (tmp_path / "main.py").write_text(CACHED)
    room = Sandbox(tmp_path, Program(kind="script", file="main.py"))
    left = run(room, Boundaries({}), 0)
    assert left["v"].tolist() == [0.9] * 4
    assert [path.name for path in tmp_path.iterdir()] == ["main.py"]
    assert [*room.folder.rglob("main.kick*.nbi")]
    assert before == numba.config.CACHE_DIR


@pytest.mark.parametrize("draw", [random.random, np.random.rand, lambda: torch.rand(()), None])
def test_a_step_is_random_if_it_draws_a_number(draw):
    capture = Capture("program:step", seed=0)
    step = capture.wrap(lambda u: u * 2 if draw is None else u + float(draw()))
    for _ in range(3):
        step(np.ones(2))
    assert capture.random == (draw is not None)


class Key(StrEnum):
    U = "u"


def test_a_rule_is_plain_data_whatever_the_program_calls_its_numbers():
    capture, state = Capture("program:step", seed=0), {Key.U: np.ones(2)}
    step = capture.wrap(lambda state: state[Key.U].__imul__(2))
    for _ in range(3):
        step(state)
    (field,) = rule(capture)["step"]["fields"]
    (place,) = field["places"]
    assert place == [["item", "arguments"], ["item", "state"], ["item", "u"]]
    assert {type(key) for _, key in place} == {str}


class Neighbours:
    def __init__(self):
        self.lists, self.built, self.x = [np.arange(2), np.arange(3)], 0, np.zeros(4)

    def rebuild(self):
        self.lists, self.built, self.cache = [np.arange(5)], self.built + 1, {}
        self.x[0] = 1.0


def test_what_a_program_keeps_beside_its_state_is_put_back():
    near = Neighbours()
    first, arguments = near.lists, {"self": near}
    snapshot = Snapshot([arguments])
    first[0][1] = 7
    near.rebuild()
    snapshot.restore()
    assert near.lists is first
    assert near.lists[0].tolist() == [0, 1]
    assert (near.built, near.x.tolist(), hasattr(near, "cache")) == (0, [0.0] * 4, False)
