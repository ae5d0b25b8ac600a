"""asv sees the suites that we declared and nothing else, and reads them as they are meant."""

import ast
import json
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from asv_runner.benchmarks.mark import SkipNotImplemented

from groundspeed.tools import suite
from groundspeed.tools.asv_support import environment, site
from groundspeed.validation import machine
from groundspeed.validation.records.errors import Refused

pytestmark = pytest.mark.xdist_group("test_asv")  # its fixtures are costly: one worker

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = sorted(path.parent for path in ROOT.glob("optimizations/*/benchmark.py"))
TAKEN = re.compile(r"(time|timeraw|track|mem|peakmem)_|(Time|Track|Mem|PeakMem)[A-Z_]")
TRACKS = {name for name in vars(suite.Suite) if name.startswith("track_")}
FOUND = {
    "level": "exact",
    "cases": {
        "small": {
            "ratio": 0.25,
            "low": 0.24,
            "high": 0.26,
            "ratios": [0.24, 0.25, 0.251234567],
            "candidate_s": 1e-3,
        }
    },
}


class Leaf(suite.Suite):
    def setup_cache(self):
        return FOUND


def defined(path: Path) -> set[str]:
    """Names of every function and class of a file."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)}


@pytest.fixture(scope="module")
def discovered(tmp_path_factory):
    """What asv discovers here, in the way that it does so itself."""
    from asv import benchmark

    place = tmp_path_factory.mktemp("discovery")
    words = ["discover", str(ROOT / "optimizations"), str(place / "found.json")]
    env = {"ASV_ENV_DIR": str(place), "PATH": "", "HOME": str(place)}
    subprocess.run([sys.executable, benchmark.__file__, *words], cwd=place, env=env, check=True)
    return json.loads((place / "found.json").read_text())


def test_asv_finds_exactly_the_declared_suites(discovered):
    expected = {f"{f.name}.benchmark.Speed.{track}" for f in FOLDERS for track in TRACKS}
    assert {found["name"] for found in discovered} == expected


def test_every_suite_has_a_cache_of_its_own(discovered):
    keys = {found["setup_cache_key"] for found in discovered}
    assert len(keys) == len(FOLDERS)


def test_versions_are_set_by_hand(discovered):
    assert {found["version"] for found in discovered} <= {suite.Suite.version}


def test_benchmark_is_one_declaration():
    for folder in FOLDERS:
        assert folder.name.isidentifier()
        assert (folder / "__init__.py").exists(), f"asv does not descend into {folder} without it"
        assert defined(folder / "benchmark.py") == {"Speed", "setup_cache"}, folder


@pytest.mark.parametrize("package", ["baselines", "validation", "optimizations"])
def test_no_name_is_taken_for_a_benchmark(package):
    for path in (ROOT / package).rglob("*.py"):
        taken = {name for name in defined(path) if TAKEN.match(name)}
        assert not taken, f"{path}: asv would run {taken}"


def test_code_under_test_comes_from_the_checkout_and_from_nowhere_else(tmp_path):
    for tree in ("here", "room/project"):
        for module in ("x/__init__", "x/benchmark", "x/implementation", "x/new"):
            path = tmp_path / tree / "optimizations" / f"{module}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"where = {tree!r}")
        (tmp_path / tree / "baselines").mkdir()
        (tmp_path / tree / "baselines" / "__init__.py").write_text(f"where = {tree!r}")
    (tmp_path / "room/project/optimizations/x/new.py").unlink()
    shutil.copy(ROOT / "optimizations" / "__init__.py", tmp_path / "here" / "optimizations")

    def where(module: str, *argv: str) -> str:
        code = f"import importlib; print(importlib.import_module({module!r}).where)"
        env = {"ASV_ENV_DIR": str(tmp_path / "room"), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", f"import optimizations; {code}", *argv],
            cwd=tmp_path / "here",
            env=env,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip() or done.stderr.strip().splitlines()[-1]

    assert where("optimizations.x.implementation") == "room/project"
    assert where("baselines") == "room/project"
    assert where("optimizations.x.benchmark") == "here"
    assert "ModuleNotFoundError: optimizations.x.new is not in" in where("optimizations.x.new")
    assert "has no attribute 'where'" in where("optimizations.x.implementation", "discover")


def test_the_base_itself_is_no_suite():
    with pytest.raises(TypeError, match="abstract"):
        suite.Suite()


def test_numbers_are_read_as_measured():
    leaf = Leaf()
    assert leaf.track_relative_time(FOUND, "small") == {
        "samples": [0.24, 0.25, 0.2512],
        "number": 1,
    }
    assert leaf.track_speedup(FOUND, "small") == 4.0
    assert leaf.track_step_time(FOUND, "small") == 1e-3


@pytest.mark.parametrize("track", sorted(TRACKS))
def test_what_a_commit_lacks_is_not_available(track):
    with pytest.raises(SkipNotImplemented, match="does not time huge"):
        getattr(Leaf(), track)(FOUND, "huge")
    with pytest.raises(SkipNotImplemented, match="no such folder"):
        getattr(Leaf(), track)({"absent": "no such folder"}, "small")


def test_other_physics_has_a_time_and_no_speedup():
    approximate = FOUND | {"level": "approximate"}
    assert Leaf().track_relative_time(approximate, "small")
    with pytest.raises(SkipNotImplemented, match="no speedup"):
        Leaf().track_speedup(approximate, "small")


def test_a_machine_is_described_by_its_kind_and_nothing_that_changes(tmp_path, monkeypatch):
    """asv draws a series for each description: kernel and memory must not be in it."""
    from asv.machine import Machine, MachineCollection

    monkeypatch.setattr(
        MachineCollection, "get_machine_file_path", staticmethod(lambda: str(tmp_path / "known"))
    )
    environment.describe_machine()
    try:
        assert Machine.get_unique_machine_name() == machine.kind()
        about = Machine.load().__dict__
    finally:
        Machine.hardcoded_machine_name = None
    assert about["machine"] == machine.kind()
    assert (about["os"], about["ram"]) == (platform.system(), "")


def test_a_larger_speedup_is_not_reported_as_a_loss():
    seen = []

    def table(cls, *args, resultset_1=None, resultset_2=None):
        seen.extend([*resultset_1, *resultset_2])

    def rows():
        return iter([(f"x.benchmark.Speed.{track}", 1.0) for track in TRACKS])

    environment.gated(table)(object, resultset_1=rows(), resultset_2=rows())
    assert seen == [("x.benchmark.Speed.track_relative_time", 1.0)] * 2


def test_only_the_relative_time_is_searched_for_regressions():
    from asv.config import Config

    ignored = Config.load(str(ROOT / "asv.conf.json")).regressions_first_commits
    left_out = {track for track in TRACKS if any(re.match(key, track) for key in ignored)}
    assert TRACKS - left_out == {environment.GATED}


def test_every_script_of_the_page_has_a_stand_in():
    from asv import main

    page = (Path(main.__file__).parent / "www" / "index.html").read_text()
    asked = [url.rsplit("/", 1)[1] for _, url, _ in site.REMOTE.findall(page)]
    assert len(asked) == 10
    for name in asked:
        assert site.stand_in(name).stat().st_size > 300


def test_an_unknown_script_is_refused(tmp_path):
    page = '<script src="https://cdn.example.org/d3.min.js" integrity="x"></script>'
    (tmp_path / "index.html").write_text(page)
    with pytest.raises(Refused, match="loads d3.min.js"):
        site.make_local(tmp_path)


@pytest.mark.parametrize("verb", [site.publish, site.preview])
def test_nothing_to_show_says_what_to_run(verb, tmp_path):
    with pytest.raises(Refused, match="yet; run: groundspeed"):
        verb(tmp_path)
