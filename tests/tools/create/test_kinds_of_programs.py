"""Kinds of programs that people have: each becomes a baseline, or is told why it cannot."""

import json
from pathlib import Path

import pytest

from groundspeed.baselines.foreign.program import run
from groundspeed.baselines.foreign.sandbox import Boundaries, Program, Sandbox
from groundspeed.tools.create.program_outputs import text_constants
from groundspeed.tools.profiling.program import profile_target
from groundspeed.tools.profiling.program.launch import InstrumentRuns
from groundspeed.tools.user_program.target import resolve

BODIES = """
import random
import torch

class Body:
    def __init__(self):
        self.x, self.y, self.vx, self.vy = (random.random() for _ in range(4))

def step(state, bodies, dt):
    for a in bodies:
        for b in bodies:
            if a is not b:
                dx, dy = b.x - a.x, b.y - a.y
                r3 = (dx * dx + dy * dy + 0.01) ** 1.5
                a.vx += dt * dx / r3
                a.vy += dt * dy / r3
    for a in bodies:
        a.x += dt * a.vx
        a.y += dt * a.vy
    u, t = state["u"], state["t"]
    return {"u": u + 0.1 * (torch.roll(u, 1) + torch.roll(u, -1) - 2 * u), "t": t + 0.1}

bodies = [Body() for _ in range(60)]
state = {"u": torch.rand(16), "t": torch.tensor(0.0)}
for _ in range(6):
    state = step(state, bodies, 0.001)
"""
MAIN = """
import argparse
import time
import numpy as np

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=64)
    n, began = parser.parse_args().n, time.perf_counter()
    u = np.exp(-((np.arange(n) - 16.0) ** 2))
    for _ in range(50):
        u = u + 0.1 * (np.roll(u, 1) + np.roll(u, -1) - 2 * u)
    seconds = time.perf_counter() - began
    return {"energy": float((u**2).sum()), "seconds": seconds, "u": u, "times": [seconds, seconds]}

if __name__ == "__main__":
    main()
"""
COMPILED = """
import torch

@torch.compile
def relax(u):
    return 0.25 * (u.roll(1, 0) + u.roll(-1, 0) + u.roll(1, 1) + u.roll(-1, 1))

u = torch.rand(8, 8)
for _ in range(5):
    u = relax(u)
"""
INNER = """
def step(u):
    from rooted.inner.core import weight

    return u + weight() * (u.roll(1) + u.roll(-1) - 2 * u)

def weight():
    return 0.1
"""
HEAT = """
import torch
from ..inner.core import step

def test_heat():
    u = torch.rand(64)
    for _ in range(10):
        u = step(u)
    assert u.isfinite().all()
"""
ROOTED = """
import numpy as np
from pkg.core import lap

def test_it():
    u = np.sin(np.arange(64.0))
    for _ in range(20):
        u = u + 0.001 * lap(u)
    assert np.isfinite(u).all()
"""
LATIN = """# -*- coding: latin-1 -*-
import numpy as np

scale, unit = 0.5, "µm"
u = scale * np.arange(4.0) + len(unit)

def main():
    pass

if __name__ == "__main__":
    main()
"""
NAMED = r"""# -*- coding: latin-1 -*-
import numpy as np
import pytest

unit = "µm"

@pytest.mark.parametrize("path", ["C:\\new\\x"])
@pytest.mark.parametrize("name", ["\u03c9ave"])
def test_named(name, path):
    u = np.arange(5.0) * len(name) + len(unit)
    assert u[-1] > 0
    assert len(unit) == 2
"""


@pytest.fixture
def project(tmp_path) -> Path:
    root = tmp_path / "rooted"
    root.mkdir()
    (root / "pyproject.toml").write_text("[project]\nname = 'rooted'\n")
    return root


@pytest.fixture
def create(repository, warm, project):
    """`groundspeed create` of a program in the project: exit code, words, what was made."""

    def call(target: str, *words: str, name: str) -> tuple[int, str, dict]:
        target = str(project / target)
        done = warm.run(repository, project.parent, ["create", target, "--name", name, *words])
        made = repository / "baselines" / name / "origin.json"
        origin = json.loads(made.read_text()) if made.exists() else {}
        return done.returncode, " ".join((done.stdout + done.stderr).split()), origin

    return call


@pytest.mark.exhaustive
def test_many_plain_objects_and_a_dictionary_that_is_made_anew_are_state(create, project):
    """Sixty bodies with four numbers each, and tensors that the step returns by name."""
    (project / "bodies.py").write_text(BODIES)
    code, said, origin = create("bodies.py", "--step", "bodies:step", name="bodies_v1")
    assert code == 0, said
    assert {field["name"]: field["how"] for field in origin["step"]["fields"]} == {
        "state_u": "returned", "state_t": "returned",
        "bodies_x": "kept", "bodies_y": "kept", "bodies_vx": "kept", "bodies_vy": "kept",
    }  # fmt: skip
    assert "not compared" not in said


@pytest.mark.exhaustive
def test_what_main_returns_is_the_answer_and_its_own_seconds_are_left_out(create, project):
    """Without the name of the function the script leaves nothing, and is told to add it."""
    (project / "run.py").write_text(MAIN)
    code, said, _ = create("run.py", name="run_v1")
    assert code == 1
    assert "run.py::main" in said
    code, said, origin = create("run.py::main", "--", "--n", "32", name="run_v1")
    assert code == 0, said
    clocks = {name for name, why in origin["left_out"].items() if "seconds of a clock" in why}
    assert clocks == {"seconds", "result_seconds", "result_times"}
    assert not {"result_u", "result_energy"} & set(origin["left_out"])
    assert "3 fields" in said  # the energy, and the field as variable and as result


@pytest.mark.exhaustive
def test_create_and_profile_find_a_package_that_is_the_project_s_own_folder(create, project):
    """It imports itself by its own name, and its test by relative imports."""
    for folder in (project, project / "inner", project / "tests"):
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
    (project / "inner" / "core.py").write_text(INNER)
    (project / "tests" / "test_heat.py").write_text(HEAT)
    code, said, origin = create("tests/test_heat.py", name="heat_v1")
    assert code == 0, said
    copies = {file for file in origin["files"] if file.endswith(("core.py", "test_heat.py"))}
    assert copies == {
        f"frozen_sources/rooted/{file}" for file in ("inner/core.py", "tests/test_heat.py")
    }
    profiled(project / "tests" / "test_heat.py")


@pytest.mark.exhaustive
def test_create_and_profile_find_what_a_test_imports_from_the_root_of_a_project(create, project):
    """Its folder of tests is no package; the package lies in the project's root."""
    (project / "pkg" / "tests").mkdir(parents=True)
    (project / "pkg" / "__init__.py").touch()
    (project / "pkg" / "core.py").write_text("def lap(u):\n    return 0.5 * u\n")
    (project / "pkg" / "tests" / "test_it.py").write_text(ROOTED)
    code, said, _ = create("pkg/tests/test_it.py", name="rooted_v1")
    assert code == 0, said
    profiled(project / "pkg" / "tests" / "test_it.py")


def profiled(path: Path) -> None:
    """A bare run as the profile makes it; it raises where the program does."""
    InstrumentRuns(profile_target.parse(str(path)), 100.0, 1).run("bare", seconds=0.05)


@pytest.mark.exhaustive
def test_a_program_whose_step_is_compiled_by_torch_is_frozen(create, project, monkeypatch):
    """Without what the compiler makes of it: that is made again in each run."""
    monkeypatch.setenv("TORCHINDUCTOR_COMPILE_THREADS", "1")
    (project / "relax.py").write_text(COMPILED)
    code, said, origin = create("relax.py", name="relax_v1")
    assert code == 0, said
    assert set(origin["files"]) == {"frozen_sources/rooted/relax.py", "start.pt"}


@pytest.mark.exhaustive
def test_ids_of_any_letters_and_sources_in_an_old_encoding_are_read(create, project):
    """Latin-1, with the line ends of Windows."""
    (project / "test_named.py").write_bytes(NAMED.replace("\n", "\r\n").encode("latin-1"))
    target = r"test_named.py::test_named[\u03c9ave-C:\\new\\x]"
    code, said, origin = create(target, name="named_v1")
    assert code == 0, said
    assert "frozen_sources/rooted/test_named.py" in origin["files"]


def test_a_script_in_an_old_encoding_is_run_and_read_as_it_is(project):
    path, text = project / "latin.py", LATIN.replace("\n", "\r\n").encode("latin-1")
    path.write_bytes(text)
    sandbox = Sandbox(project, Program(kind="script", file="latin.py"))
    left = run(sandbox, Boundaries({}), 0)
    assert (left["u"].tolist(), left["unit"]) == ([2.0, 2.5, 3.0, 3.5], "µm")
    assert resolve(str(path)).main == "main"
    assert profile_target.parse(str(path)).kind == "script"
    assert text_constants(text) == {"scale", "unit"}
