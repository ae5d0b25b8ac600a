"""The gate on real repositories: what is right, wrong, slower and open is told apart in one run."""

import json
import shlex
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import Scratch
from module_constants import set_constant

from groundspeed.tools.records.evidence import CHECK, Checked, check_name, provenance
from groundspeed.validation import machine
from groundspeed.validation.golden.manifest import Manifest
from groundspeed.validation.judge.verdicts import SECTION, Summary
from groundspeed.validation.protocol import JUDGE
from groundspeed.validation.records import results
from groundspeed.validation.records.base import today

ENGINE, NULL = "lattice_field_v1", "lattice_field_null"
SLOW, OFF, OPEN, BROKEN = (f"lattice_field_{name}" for name in ("slow", "off", "open", "broken"))
THRICE = """
from dataclasses import replace


def stepper(case):
    step = right.prepare(case)

    def thrice(state):
        step(state)
        step(state)
        return step(state)

    return thrice


engine = replace(right, stepper=stepper)
"""
WRONG = """
from dataclasses import replace


def stepper(case):
    step = right.prepare(case)
    return lambda state: (lambda s: s._replace(E=s.E * (1 + 1e-6)))(step(state))


engine = replace(right, stepper=stepper)
"""


def copied(scratch: Scratch, name: str, cases: tuple[str, ...]) -> None:
    """A copy of the null optimization under another name."""
    shutil.copytree(*(scratch.file("optimizations", n) for n in (NULL, name)))
    scratch.only(name, cases)


def checked(root: Path) -> None:
    """Note that the golden data of the baseline were run and came out."""
    found = Checked(
        engine=ENGINE, full=False, words="bit for bit", made=today(), protocol=JUDGE.number,
        modified=JUDGE.modified(), torch=machine.torch_version(), rests_on=provenance(ENGINE),
    )  # fmt: skip
    results.put(CHECK, found, check_name(ENGINE), machine.kind(), root)


def outcomes(said: str) -> dict[tuple[str, str], str]:
    return {(c["about"], c["check"]): c["outcome"] for c in json.loads(said)["checks"]}


def edit(path: Path, more: str = "\n# a remark\n") -> None:
    path.write_text(path.read_text() + more)


@pytest.mark.long
def test_right_wrong_slower_open_and_broken_are_told_apart_in_one_run(scratch):
    for name in (SLOW, OFF, OPEN, BROKEN):
        copied(scratch, name, ("reflective", "packet_64") if name == SLOW else ("reflective",))
    set_constant(scratch.file("tools", "experiments", "compare_commits.py"), "BUDGET_S", 1)
    scratch.only(NULL, ("reflective",))
    checked(scratch.root)
    scratch.commit()
    scratch.git("tag", "before")
    edit(scratch.file("optimizations", NULL, "implementation.py"))
    scratch.plant(SLOW, THRICE)
    scratch.plant(OFF, WRONG)
    scratch.only(OPEN, ("plane_2048",))  # everyday runs leave it out: nothing is judged
    scratch.file("optimizations", BROKEN, "implementation.py").write_bytes(b"x = '\xe9'\n")
    scratch.commit()
    done = scratch.run("gate", "--base", "before", "--junit", "out/junit.xml", "--json")
    assert done.returncode == 2, done.stderr
    assert outcomes(done.stdout) == {
        (ENGINE, "seal"): "GOOD",
        (NULL, "verdict"): "GOOD",
        (NULL, "costs"): "GOOD",
        (NULL, "comparison"): "SKIPPED",  # none of its cases is timed
        (SLOW, "verdict"): "GOOD",
        (SLOW, "costs"): "SLOWER",
        (SLOW, "comparison"): "SLOWER",
        (OFF, "verdict"): "WRONG",
        (OPEN, "verdict"): "INCONCLUSIVE",
        (BROKEN, "verdict"): "WRONG",
    }
    words = {(c["about"], c["check"]): c["words"] for c in json.loads(done.stdout)["checks"]}
    assert "E[" in words[OFF, "verdict"]
    assert f"{BROKEN}/implementation.py is no text" in words[BROKEN, "verdict"]
    assert "operators 72 a step, 24 accepted" in words[SLOW, "costs"]
    suites = ElementTree.parse(scratch.file("out", "junit.xml")).getroot()
    cases = {
        (c.get("classname"), c.get("name")): [i.tag for i in c] for c in suites.iter("testcase")
    }
    assert len(cases) == len(words)
    assert cases[SLOW, "comparison: packet_64"] == ["failure"]
    assert cases[OPEN, "verdict"] == ["error"]
    assert cases[NULL, "verdict"] == ["system-out"]


def test_nothing_changed_is_told_at_once_and_good(scratch):
    edit(scratch.file("optimizations", NULL, "report.md"))
    scratch.file("optimizations", NULL, "benchmark.py").unlink()
    scratch.file("README.md").write_text("words\n")
    scratch.commit()
    done = scratch.run("gate", "--base", "HEAD~1")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith("gate: GOOD: no optimization and no baseline changed since HEAD~1 (")
    assert line.endswith("1 of 1 baselines sealed, 0 files of evidence")


def test_a_budget_alone_that_changed_is_counted_and_nothing_is_judged(scratch):
    scratch.file("optimizations", NULL, "costs.json").unlink()
    scratch.commit()
    done = scratch.run("gate", "--base", "HEAD~1", "--json")
    assert done.returncode == 0, done.stderr
    assert outcomes(done.stdout) == {(NULL, "costs"): "SKIPPED"}


def test_seals_are_verified_of_baselines_and_of_evidence(scratch):
    """An edit, answers that were frozen anew, and an edited verdict."""
    place = scratch.file("baselines", ENGINE, "frozen", "manifest.json")
    seal = Manifest.read(place)
    other = seal.answers["odd_2d"].model_copy(update={"end": "0" * 64})
    seal.model_copy(update={"answers": seal.answers | {"odd_2d": other}}).write(place)
    checked(scratch.root)
    kept = results.path(check_name(ENGINE), machine.kind(), scratch.root)
    kept.write_text(kept.read_text().replace("bit for bit", "BIT FOR BIT"))
    done = scratch.run("gate", "--base", "HEAD")
    assert done.returncode == 2, done.stderr
    assert "not judged: its baseline is not what was sealed" in done.stdout
    assert "odd_2d: frozen anew with other answers than HEAD (" in done.stdout
    assert "was edited: its seal does not fit" in done.stdout
    edit(scratch.file("baselines", ENGINE, "scheme.py"))
    again = scratch.run("gate", "--base", "HEAD")
    assert again.returncode == 2
    assert f"baselines/{ENGINE}/scheme.py was edited since {ENGINE} was frozen" in again.stdout


@pytest.fixture
def shallow(scratch, tmp_path_factory) -> Scratch:
    """A clone of the last commit alone, as CI systems make it; main, v1 and this one differ."""
    scratch.git("branch", "-M", "main")
    scratch.git("tag", "v1")
    scratch.commit()
    scratch.git("checkout", "-qb", "topic")
    scratch.commit()
    place = tmp_path_factory.mktemp("ci") / "clone"
    url = scratch.root.as_uri()
    subprocess.run(["git", "clone", "-q", "--depth=1", "-b", "topic", url, place], check=True)
    return Scratch(place, scratch.warm)


def test_a_shallow_clone_is_told_how_to_fetch_its_base_and_then_works(shallow):
    head = subprocess.run(
        ["git", "ls-remote", "origin", "refs/heads/main"],
        cwd=shallow.root, capture_output=True, text=True, check=True,
    ).stdout.split()[0]  # fmt: skip
    for base in ("v1", head, "origin/main"):
        lacks = shallow.run("gate", "--base", base)
        assert (lacks.returncode, lacks.stdout) == (2, "")
        (line,) = lacks.stderr.splitlines()
        assert f"git has no commit {base!r} here; run: git fetch --depth=1 origin " in line
        command = line.partition("run: ")[2].partition(" [E-")[0]
        subprocess.run(shlex.split(command), cwd=shallow.root, check=True)
        done = shallow.run("gate", "--base", base)
        assert done.returncode == 0, done.stderr
        assert f"no optimization and no baseline changed since {base} (" in done.stdout
    assert shallow.run("gate", "--base", "main").returncode == 0  # a branch of the remote
    older = shallow.run("gate", "--base", "HEAD~3")
    assert "run: git fetch --unshallow origin [" in older.stderr


def test_what_the_base_did_since_is_no_change_of_this_branch(scratch):
    scratch.git("branch", "-M", "main")
    scratch.git("checkout", "-qb", "topic")
    scratch.git("checkout", "-q", "main")
    edit(scratch.file("optimizations", NULL, "implementation.py"))
    scratch.commit()
    scratch.git("checkout", "-q", "topic")
    assert "no optimization" in scratch.run("gate", "--base", "main").stdout


@pytest.fixture
def nested(scratch, tmp_path_factory) -> Scratch:
    """The project in a folder of its repository, beside the code that it imports."""
    top = tmp_path_factory.mktemp("nested")
    kept = shutil.ignore_patterns(".git")
    shutil.copytree(scratch.root, top / "performance", symlinks=True, ignore=kept)
    for other in (top / "performance" / "optimizations").glob("lattice_field_[!n]*"):
        shutil.rmtree(other)
    for other in ("numba", "numba_folded"):
        shutil.rmtree(top / "performance" / "optimizations" / f"lattice_field_{other}")
    (top / "src").mkdir()
    (top / "src" / "kernels.py").write_text("factor = 1\n")
    found = Scratch(top / "performance", scratch.warm)
    found.git("init", "-q", "..")
    found.git("add", "-A", ":/")
    found.commit()
    return found


@pytest.mark.long
def test_in_a_sub_folder_code_outside_that_a_verdict_names_is_part_of_the_optimization(nested):
    nested.only(NULL, ("reflective",))
    nested.commit()
    checked(nested.root)
    named = Summary(
        optimization=NULL, engine=ENGINE, level="exact", because="", expected="verified",
        status="VERIFIED", reason="", coverage="everyday", protocol=JUDGE.number, cases={},
        files={"../src/kernels.py": "0" * 16},
    )  # fmt: skip
    results.put(SECTION, named, NULL, "another-machine", nested.root)
    (nested.root.parent / "src" / "kernels.py").write_text("factor = 2\n")
    (nested.root.parent / "src" / "README.md").write_text("words\n")
    done = nested.run("gate", "--base", "HEAD", "--json")
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["changed"] == {NULL: ["../src/kernels.py"]}
    assert outcomes(done.stdout) == {
        (ENGINE, "seal"): "GOOD",
        (NULL, "verdict"): "GOOD",
        (NULL, "costs"): "GOOD",
        (NULL, "comparison"): "SKIPPED",  # what it loads here is the same
    }
