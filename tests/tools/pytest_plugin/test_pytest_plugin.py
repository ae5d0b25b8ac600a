"""The plug-in of pytest, in runs of pytest of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Scratch

from groundspeed.tools.pytest_plugin import evidence_server
from groundspeed.tools.records import evidence
from groundspeed.tools.records.conditions import conditions
from groundspeed.tools.records.measurement import Measurement, Timing
from groundspeed.tools.records.protocols import CLOCK
from groundspeed.validation import machine
from groundspeed.validation.judge.verdicts import Status, Summary, provenance
from groundspeed.validation.records import results

pytest_plugins = "pytester"
ENGINE, NULL, ON = "lattice_field_v1", "lattice_field_null", "some-machine"
PLUGIN = ("-p", "no:groundspeed", "-p", "groundspeed.tools.pytest_plugin")  # once, installed or not
WRONG = """
import dataclasses


def wrong(case):
    return right.prepare(dataclasses.replace(case, c=case.c * (1 + 5e-7)))


engine = dataclasses.replace(right, stepper=wrong)
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs pytest with the plug-in, in a process of its own."""
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    monkeypatch.delenv("GROUNDSPEED_ROOT", raising=False)
    return lambda *words: pytester.runpytest_subprocess(*PLUGIN, "-rs", *map(str, words))


@pytest.mark.long
def test_an_optimization_is_a_test_of_its_claim(scratch, run):
    """Right, wrong, wrong as expected, not for this machine, and broken; the last is named."""
    folder = scratch.file("optimizations")
    for other in folder.glob("lattice_field_[!n]*"):
        shutil.rmtree(other)
    for other in ("lattice_field_numba", "lattice_field_numba_folded"):
        shutil.rmtree(folder / other)
    scratch.only(NULL, ("odd_2d",))
    for name in ("wrong", "negative", "elsewhere", "broken"):
        shutil.copytree(folder / NULL, folder / name)
    scratch.plant("wrong", WRONG)
    scratch.plant("negative", WRONG)
    claim = folder / "negative" / "validation.py"
    claim.write_text(claim.read_text().replace("level=", "expected='rejected', level="))
    more = "from dataclasses import replace\nengine = replace(engine, needs=('no_such_package',))"
    scratch.plant("elsewhere", more)
    scratch.plant("broken", "import no_such_module")
    done = run(folder / "broken" / "validation.py", folder, "-v")
    done.assert_outcomes(passed=2, failed=2, skipped=1)
    said = done.stdout.str()
    assert "wrong: REJECTED, claimed VERIFIED: odd_2d: E[" in said
    assert "next: mend implementation.py; never the tolerance" in said
    assert "'no_such_module' (optimizations/broken/implementation.py:" in said
    assert "elsewhere is UNAVAILABLE: this machine lacks no_such_package" in said
    assert "Traceback" not in said
    assert len(said.splitlines()) < 40


def timing(low: float, ratio: float, high: float) -> Timing:
    """Of speedups."""
    one = dict.fromkeys(("cpu_ratio", "cpu_low", "cpu_high", "control", "control_low"), 1.0)
    one |= dict.fromkeys(("control_high", "injected", "injected_truth", "stream_gb_s"), 1.0)
    one |= dict.fromkeys(("within_width", "between_width", "least_effect", "smallest_seen"), 0.01)
    one |= {"baseline_s": 1.0, "candidate_s": 0.2, "first_call_s": 1.0, "pays_back_after": None}
    one |= {"ratios": [], "modes": [], "peak_bytes": {}, "share_of_limit": None}
    one |= {"pairs": 30, "steps": 1, "extra": 1, "processes": 3, "word": "FASTER"}
    return Timing(ratio=1 / ratio, low=1 / high, high=1 / low, **one)


@pytest.fixture
def project(scratch) -> Scratch:
    """One optimization with evidence of some machine, one whose verdict is stale."""
    common = {"engine": ENGINE, "level": "exact", "because": "", "expected": "verified"}
    common |= {"status": "VERIFIED", "reason": "sound", "coverage": "everyday"}
    common |= {"cases": {"packet_64": {}}, "made": "2026-01-02T03:04:05+00:00"}
    right = Summary(optimization=NULL, **common, **provenance(NULL, ENGINE))
    results.put("verdict", right, NULL, ON, scratch.root)
    numbers = Measurement(
        optimization=NULL, engine=ENGINE, level="exact", made=right.made, code=right.code,
        baseline=right.baseline, protocol=CLOCK.number, modified=CLOCK.modified(),
        conditions=conditions(), cases={"packet_64": timing(4.0, 5.0, 6.0)},
    )  # fmt: skip
    results.put("timing", numbers, NULL, ON, scratch.root)
    stale = "lattice_field_buffers"
    now = provenance(stale, ENGINE)
    now["files"] |= {"optimizations/gone.py": "0" * 16}
    old = Summary(optimization=stale, **common, **now)
    results.put("verdict", old, stale, machine.kind(), scratch.root)
    wrong = "lattice_field_blocked"
    off = common | {"status": "REJECTED", "reason": "E is off"}
    refused = Summary(optimization=wrong, **off, **provenance(wrong, ENGINE))
    results.put("verdict", refused, wrong, machine.kind(), scratch.root)
    return scratch


ASSERTIONS = """
def test_holds(verdict):
    found = verdict("lattice_field_null")
    assert found.holds
    assert (found.status, found.reason, found.date) == ("VERIFIED", "sound", "2026-01-02")

def test_fast(speedup):
    found = speedup("lattice_field_null")
    assert (round(found.low, 2), round(found.ratio, 2), round(found.high, 2)) == (4, 5, 6)
    assert (found.case, found.machine) == ("packet_64", "some-machine")
    assert speedup("lattice_field_null", case="packet_64") == found

def test_faster_than_it_is(speedup):
    assert speedup("lattice_field_null").low > 4.5

def test_not_timed_there(speedup):
    speedup("lattice_field_null", case="plane_256")

def test_no_such_case(speedup):
    speedup("lattice_field_null", case="nonsense")

def test_no_such_name(speedup):
    speedup("lattice_field_nul")

def test_stale_speed(speedup):
    assert speedup("lattice_field_buffers").low > 3

def test_stale_verdict(verdict):
    assert verdict("lattice_field_buffers").holds

def test_wrong_verdict(verdict):
    assert not verdict("lattice_field_blocked").holds

def test_wrong_speed(speedup):
    speedup("lattice_field_blocked")
"""


def test_assertions_on_evidence_pass_fail_or_skip_with_a_reason(project, run):
    tests = project.file("tests", "performance", "test_speed.py")
    tests.parent.mkdir(parents=True)
    tests.write_text(ASSERTIONS)
    done = run(tests)
    done.assert_outcomes(passed=3, failed=4, skipped=3)
    said = done.stdout.str()
    assert "Speedup(low=4.0" in said  # the failed assertion shows what there is
    assert "no optimization 'lattice_field_nul' in optimizations/; near: lattice_field_null" in said
    assert "lattice_field_v1 has no case 'nonsense'; have ['odd_2d'" in said
    assert "plane_256 is not timed; run: groundspeed bench lattice_field_null" in said
    assert said.count("was VERIFIED on 2026-01-02; optimizations/gone.py changed; run:") == 2
    assert "lattice_field_blocked is REJECTED: E is off" in said


def test_what_new_writes_skips_until_there_is_evidence(project, run):
    assert project.run("new", "idea", "--baseline", ENGINE).returncode == 0
    assert not project.file("tests").exists()
    project.file("tests", "performance").mkdir(parents=True)
    assert project.run("new", "other_idea", "--baseline", ENGINE).returncode == 0
    place = project.file("tests", "performance", "test_other_idea_speedup.py")
    done = run(place)
    done.assert_outcomes(skipped=2)
    assert "other_idea: not judged on" in done.stdout.str()
    place.write_text(place.read_text().replace('"other_idea"', f'"{NULL}"'))
    run(place).assert_outcomes(passed=2)


def test_other_projects_are_left_alone(run, pytester):
    """A folder of that name, a module of that name, and a test that asks in vain."""
    pytester.mkdir("optimizations")
    folder = pytester.mkdir("optimizations/mine")
    (folder / "validation.py").write_text("def test_of_theirs(): pass\n")
    pytester.makepyfile("def test_ours(): pass\n\ndef test_asks(speedup): speedup('x')")
    done = run()
    done.assert_outcomes(passed=1, skipped=1)
    done.stdout.fnmatch_lines("*no groundspeed project lies above *.py; name it in GROUNDSPEED_*")
    run(folder / "validation.py").assert_outcomes(passed=1)


def test_a_run_of_pytest_imports_nothing_heavy_for_it():
    code = (
        "import sys, time, pytest\n"
        "before, began = set(sys.modules), time.process_time()\n"
        "import groundspeed.tools.pytest_plugin\n"
        "print(time.process_time() - began, *set(sys.modules) - before)"
    )
    spent = []
    for _ in range(3):
        words = [sys.executable, "-c", code]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
        seconds, *imported = done.stdout.split()
        spent.append(float(seconds))
        assert all(name.partition(".")[0] in ("tools", "groundspeed") for name in imported)
    assert min(spent) < 0.03


def test_afresh_is_timed_once_and_a_refusal_is_the_reason(monkeypatch):
    asked = []

    def measure(names, full, dirty, processes):
        asked.append(names)
        return {}, {NULL: "the control was off"}

    monkeypatch.setattr(evidence_server.bench, "measure", measure)
    found = (Status.VERIFIED, Summary.model_construct(expected="verified", status="VERIFIED"), "")
    monkeypatch.setattr(evidence, "judged", lambda *_, **__: found)
    monkeypatch.setattr(evidence, "timed_cases", lambda *_, **__: ["packet_64"])
    monkeypatch.setattr(
        evidence_server, "verdict", lambda *_, **__: {"absent": False, "holds": True}
    )
    monkeypatch.setattr(evidence_server, "measured", {})
    monkeypatch.setattr(evidence, "forget", lambda: None)
    request = {"question": "speedup", "name": NULL, "case": "", "measure": True}
    for _ in range(2):
        answer = evidence_server.answer(dict(request))
        assert answer == {"no number": f"{NULL}: the control was off"}
    assert asked == [[NULL]]


def test_the_plug_in_is_installed_under_its_name():
    text = (Path(ROOT) / "pyproject.toml").read_text()
    assert "[project.entry-points.pytest11]\ngroundspeed = " in text
