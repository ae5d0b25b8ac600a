"""The wheel in somebody else's project: from nothing to a judged, timed and gated optimization.

The simulation lies in src/ and imports packages of its own named `tools` and `validation`; its
performance folder lies in a sub-folder of the repository.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest
from warm_process import Warm

from groundspeed import project

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("own project")]

FILES = {
    "pyproject.toml": """
        [project]
        name = "mysim"
        version = "0.1"
        [tool.pytest.ini_options]
        pythonpath = ["src", "."]
        """,
    "tools/__init__.py": """
        def half(x):
            return 0.5 * x
        """,
    "validation/__init__.py": """
        def positive(n):
            if n <= 0:
                raise ValueError(f"{n} cells; allowed: one or more")
            return n
        """,
    "src/mysim/__init__.py": "",
    "src/mysim/kernels.py": """
        import numpy as np
        from tools import half

        WEIGHT = half(0.4)

        def laplacian(u):
            out = np.zeros_like(u)
            n, m = u.shape
            for i in range(n):
                for j in range(m):
                    near = u[(i + 1) % n, j] + u[i - 1, j] + u[i, (j + 1) % m] + u[i, j - 1]
                    out[i, j] = near - 4 * u[i, j]
            return out

        def shifted(u):
            near = np.roll(u, -1, 0) + np.roll(u, 1, 0) + np.roll(u, -1, 1) + np.roll(u, 1, 1)
            return near - 4 * u
        """,
    "src/mysim/heat.py": """
        import numpy as np
        from validation import positive

        from mysim.kernels import WEIGHT, laplacian

        def start(n):
            return np.random.default_rng(3).random((positive(n), n))

        def advance(u):
            return u + WEIGHT * laplacian(u)
        """,
    "tests/test_heat.py": """
        from mysim import heat

        def test_heat_is_kept():
            u = heat.start(40)
            total = u.sum()
            for _ in range(12):
                u = heat.advance(u)
            assert abs(u.sum() - total) < 1e-9
        """,
}
FASTER = '''"""The Laplacian by shifted arrays."""

from baselines.heat_v1 import engine as baseline
from groundspeed import substitute
from mysim.kernels import shifted

engine = substitute(baseline, {"mysim.heat:laplacian": shifted})
'''


@dataclass
class Simulation:
    """Somebody's repository, and the installed command."""

    root: Path
    command: Path
    warm: Warm

    def run(self, *words: str, cwd: str = ".") -> subprocess.CompletedProcess:
        """`groundspeed WORDS`, by a fork of that environment's interpreter."""
        return self.warm.run(self.root / cwd, self.root.parent, list(words))

    def installed(self, *words: str) -> subprocess.CompletedProcess:
        """The same by the installed script, as a shell starts it."""
        return self.start([self.command, *words])

    def python(self, *words: str) -> subprocess.CompletedProcess:
        """The interpreter of that environment."""
        return self.start([self.command.with_name("python"), *words])

    def start(self, words: list, cwd: str = ".") -> subprocess.CompletedProcess:
        hidden = ("PYTHONPATH", project.VARIABLE)
        env = {k: v for k, v in os.environ.items() if k not in hidden}
        return subprocess.run(words, cwd=self.root / cwd, env=env, capture_output=True, text=True)

    def plain(self, verb: str, *words: str) -> dict:
        """What a verb prints for programs."""
        return self.printed(verb, self.run(verb, *words, "--json"))

    def printed(self, verb: str, done: subprocess.CompletedProcess) -> dict:
        """The same of one that has run: it fits its published schema."""
        said, schema = json.loads(done.stdout), json.loads(self.ok("schema", verb))
        jsonschema.validate(said, schema)
        return said

    def ok(self, *words: str, cwd: str = ".") -> str:
        done = self.run(*words, cwd=cwd)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def commit(self) -> None:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        for words in (("add", "-A"), (*who, "commit", "-qm", "x", "--allow-empty")):
            subprocess.run(["git", *words], cwd=self.root, check=True)

    def file(self, place: str) -> Path:
        return self.root / place


@pytest.fixture(scope="module")
def command(tmp_path_factory) -> Path:
    """`groundspeed` from its wheel, in a fresh environment that borrows the packages of this."""
    place = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place / "wheel"]
    subprocess.run(build, cwd=project.HARNESS, check=True, capture_output=True)
    (wheel,) = (place / "wheel").glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        tops = {name.split("/")[0] for name in packed.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"groundspeed"}
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / "env"], check=True)
    python = place / "env" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps"]
    subprocess.run([*pip, "--no-index", wheel], check=True, capture_output=True)
    folder = next((place / "env").glob("lib/python3*/site-packages"))
    borrowed = [path for path in sys.path if Path(path).name == "site-packages"]
    (folder / "dependencies.pth").write_text("\n".join(borrowed))
    return place / "env" / "bin" / "groundspeed"


@pytest.fixture(scope="module")
def simulation(tmp_path_factory, command) -> Iterator[Simulation]:
    """The simulation after init, create, and an edit that is right."""
    root = tmp_path_factory.mktemp("own") / "sim"
    for place, text in FILES.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        lines = text.strip("\n").splitlines()
        (root / place).write_text("\n".join(line[8:] for line in lines).rstrip() + "\n")
    subprocess.run(["git", "init", "-q", "-b", "main", root], check=True)
    warm = Warm(str(command.with_name("python")), installed=True)
    found = Simulation(root, command, warm)
    found.commit()
    made = found.printed("init", found.installed("init", "performance", "--json"))
    assert made["root"] == str(root / "performance")
    created = found.installed("create", "tests/test_heat.py", "--step", "mysim.heat:advance")
    assert created.returncode == 0, created.stderr
    found.commit()
    found.ok("new", "heat_shifted", "--baseline", "heat_v1", cwd="performance/baselines")
    leaf = root / "performance" / "optimizations" / "heat_shifted"
    (leaf / "implementation.py").write_text(FASTER)
    claim = (leaf / "validation.py").read_text()
    (leaf / "validation.py").write_text(claim.replace('level="exact"', 'level="rounding"'))
    yield found
    warm.end()


@pytest.fixture(scope="module")
def judged(simulation) -> Simulation:
    """Validated, committed and timed."""
    simulation.ok("validate", "heat_shifted")
    simulation.commit()
    simulation.ok("bench", "heat_shifted")
    return simulation


def on_file(simulation: Simulation) -> dict:
    (path,) = simulation.root.glob("performance/reports/results/*/heat_shifted.json")
    return json.loads(path.read_text())


def test_a_first_look_says_right_and_how_much_faster(simulation):
    said = simulation.plain("try", "heat_shifted")
    assert (said["word"], said["note"]) == ("RIGHT SO FAR", "no number rests on this")
    assert said["ratio"]["low"] > 2
    assert not list(simulation.root.glob("performance/reports/results/*/heat_shifted.json"))


def test_the_verdict_names_every_file_of_the_project_that_ran(judged):
    verdict = on_file(judged)["verdict"]
    assert verdict["status"] == "VERIFIED"
    assert {"../src/mysim/kernels.py", "../tools/__init__.py"} <= set(verdict["files"])
    assert "tools/cli/app.py" not in " ".join(verdict["files"])
    assert on_file(judged)["timing"]["cases"]["recorded"]["ratio"] < 0.5


def test_the_list_says_where_the_project_is_and_shows_the_speedup(judged):
    done = judged.run("list", cwd="src/mysim")
    assert f"project {judged.root / 'performance'}" in done.stderr
    assert "heat_shifted" in done.stdout
    assert "×" in done.stdout


def test_the_engine_is_profiled(judged):
    judged.ok("profile", "heat_v1", "--seconds", "0.3")
    page = next(judged.root.glob("performance/reports/profiles/heat_v1/*.md")).read_text()
    assert "kernels.py" in page


def test_pages_and_site_are_about_this_project_alone(judged):
    judged.ok("report")
    reports = judged.file("performance/reports")
    assert "heat_shifted" in (reports / "index.md").read_text()
    assert not (reports / "claims.md").exists()
    assert judged.plain("site")["pages"] > 5
    home = (reports / "site" / "index.html").read_text()
    assert "heat_shifted" in home
    assert "lattice_field" not in home


def test_the_gate_passes_what_is_right_and_tells_what_changed(judged):
    judged.commit()
    assert judged.plain("gate", "--base", "main")["exit"] == 0


def test_an_edit_of_a_module_that_it_imports_makes_the_verdict_stale(judged):
    kernels = judged.file("src/mysim/kernels.py")
    before = kernels.read_text()
    try:
        kernels.write_text(before + "\n# another word\n")
        said = judged.ok("list", "heat_shifted")
        assert "STALE" in said
        assert "../src/mysim/kernels.py changed" in said
    finally:
        kernels.write_text(before)
    assert "VERIFIED" in judged.ok("list", "heat_shifted")


def test_a_file_that_no_verdict_covers_is_refused_by_name(simulation, tmp_path):
    (tmp_path / "elsewhere.py").write_text("from mysim.kernels import shifted\n")
    leaf = simulation.file("performance/optimizations/heat_elsewhere")
    shutil.copytree(leaf.with_name("heat_shifted"), leaf)
    text = (leaf / "implementation.py").read_text()
    reach = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nfrom elsewhere import shifted"
    (leaf / "implementation.py").write_text(
        text.replace("from mysim.kernels import shifted", reach)
    )
    try:
        done = simulation.run("validate", "heat_elsewhere")
        assert done.returncode == 1
        assert "elsewhere.py, which no verdict covers" in done.stdout
    finally:
        shutil.rmtree(leaf)
        for path in simulation.root.glob("performance/reports/results/*/heat_elsewhere.json"):
            path.unlink()


PERFORMANCE = """
def test_it_keeps_more_than_twice(speedup):
    assert speedup("heat_shifted").low > 2


def test_it_is_right(verdict):
    assert verdict("heat_shifted").holds
"""


def test_the_project_s_own_tests_assert_on_the_evidence(judged):
    """They lie beside the performance folder, and run under the installed plug-in."""
    judged.file("tests/test_speed.py").write_text(PERFORMANCE)
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_speed.py"]
    done = judged.python(*words)
    judged.file("tests/test_speed.py").unlink()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_history_has_the_numbers_of_this_commit(judged):
    judged.commit()
    judged.ok("publish")
    (path,) = judged.root.glob("performance/reports/asv/results/*/*-commit-*.json")
    results = json.loads(path.read_text())["results"]
    (speedup,) = results["heat_shifted.benchmark.Speed.track_speedup"][0]
    assert speedup > 2


FLEET = 'executor = "local"\n[kinds.here]\n'


def test_a_job_works_on_the_commit_of_the_repository_around_the_project(simulation):
    """Its tree has the simulation as well, beside the project that lies in a sub-folder."""
    simulation.file("performance/fleet.toml").write_text(FLEET)
    simulation.commit()
    words = ("validate", "heat_shifted", "--small", "--on", "fleet.toml")
    assert "VERIFIED" in simulation.ok(*words, cwd="performance")
    verdict = on_file(simulation)["verdict"]
    assert (verdict["status"], verdict["coverage"]) == ("VERIFIED", "small")
    assert {"../src/mysim/kernels.py", "../tools/__init__.py"} <= set(verdict["files"])
    assert not list(simulation.file("performance/.groundspeed/fleet").iterdir())
