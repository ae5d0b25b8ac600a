"""What the checks of a gate add up to, and how it is written down."""

from xml.etree import ElementTree

import pytest

from groundspeed.tools.gate import gate_page, junit, seals, speed_checks
from groundspeed.tools.gate.base_commit import Base
from groundspeed.tools.gate.changes import Changes
from groundspeed.tools.gate.outcome import GateCheck, GateResult, Outcome
from groundspeed.tools.timing.intervals import Interval

BASE = Base("main", "0123456789" * 4)
NONE = Changes(BASE, (), frozenset())


def result(*checks: GateCheck) -> GateResult:
    return GateResult(NONE, list(checks), "1 of 1 baselines sealed", [], [])


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ("", 0),
        ("GOOD SKIPPED", 0),
        ("GOOD INCONCLUSIVE", 3),
        ("INCONCLUSIVE SLOWER GOOD", 1),
        ("INCONCLUSIVE SLOWER WRONG", 2),
    ],
)
def test_the_exit_code_is_that_of_the_worst_check(outcomes, code):
    checks = [GateCheck("x", "verdict", Outcome(word), "") for word in outcomes.split()]
    assert result(*checks).exit_code == code


ODD = 'got \x1b[31m<nan>\x00 & "|" \ud800 für µ'


def test_junit_is_well_formed_whatever_an_error_says():
    checks = [
        GateCheck("b", "verdict", Outcome.WRONG, ODD, seconds=1.5),
        GateCheck("a", "costs", Outcome.SKIPPED, ODD),
        GateCheck("b", "comparison", Outcome.INCONCLUSIVE, ODD, "large"),
        GateCheck("b", "comparison", Outcome.GOOD, ODD, "small"),
    ]
    root = ElementTree.fromstring(junit.document(checks))
    assert {key: root.get(key) for key in ("tests", "failures", "errors", "skipped", "time")} == {
        "tests": "4", "failures": "1", "errors": "1", "skipped": "1", "time": "1.500",
    }  # fmt: skip
    assert [suite.get("name") for suite in root] == ["a", "b"]
    names = [case.get("name") for case in root.iter("testcase")]
    assert names == ["costs", "verdict", "comparison: large", "comparison: small"]
    (failure,) = root.iter("failure")
    assert failure.get("type") == "WRONG"
    assert "<nan>" in failure.get("message")
    assert "für µ" in failure.text


def test_the_summary_is_appended_for_a_ci_step_and_written_to_a_file(tmp_path, monkeypatch):
    step, file = tmp_path / "step.md", tmp_path / "out" / "summary.md"
    step.write_text("of another step\n")
    monkeypatch.delenv(gate_page.STEP_SUMMARY, raising=False)
    assert not gate_page.deliver("page\n", None)
    monkeypatch.setenv(gate_page.STEP_SUMMARY, str(step))
    assert gate_page.deliver("page\n", file)
    assert step.read_text() == "of another step\npage\n"
    assert file.read_text() == "page\n"


def test_the_summary_says_the_result_first_and_names_what_failed():
    page = gate_page.markdown(
        result(
            GateCheck("fine", "verdict", Outcome.GOOD, "VERIFIED"),
            GateCheck("slow", "verdict", Outcome.GOOD, "VERIFIED"),
            GateCheck("slow", "comparison", Outcome.SLOWER, "takes 3 | of <b>", "large"),
        )
    )
    lines = page.splitlines()
    assert lines[0] == "## groundspeed: SLOWER"
    assert "| **SLOWER** | slow |  | GOOD |  | large SLOWER |" in lines
    assert "| GOOD | fine |  | GOOD |  |  |" in lines
    assert "- **SLOWER** slow, comparison: large: takes 3 \\| of &lt;b>" in lines


def test_one_comparison_that_breaks_stops_no_other(monkeypatch):
    def of_commits(a, b, names, tell):
        assert (a, b) == (BASE.commit, ".")
        for name in names:
            tell(name)
            tell(f"{name}: large")
            if name == "breaks":
                raise ValueError("no JSON")
            row = speed_checks.ComparedCase(name, "large", "SLOWER", Interval(2.0, 1.9, 2.1))
            yield from [row] if name != "untimed" else []

    monkeypatch.setattr(speed_checks.compare_commits, "of_commits", of_commits)
    found = Changes(BASE, (), frozenset({"a", "breaks", "untimed", "z"}))
    checks = speed_checks.comparisons(found, ["a", "breaks", "new", "untimed", "z"])
    assert {(c.about, c.outcome.value, c.words.partition(":")[0]) for c in checks} == {
        ("new", "SKIPPED", "new"),
        ("a", "SLOWER", "takes 2 of the base's time, 95 % interval [1.9, 2.1]"),
        ("breaks", "INCONCLUSIVE", "it cannot be compared"),
        ("untimed", "SKIPPED", "its claim covers no case that is timed"),
        ("z", "SLOWER", "takes 2 of the base's time, 95 % interval [1.9, 2.1]"),
    }


@pytest.mark.parametrize(
    ("golden", "outcome", "words"),
    [
        (("SEALED", "17 cases bit for bit"), "GOOD", "17 cases bit for bit"),
        (("BROKEN", "E is off"), "WRONG", "E is off"),
        (SystemExit(3), "WRONG", "it cannot be checked: SystemExit: 3"),
    ],
)
def test_golden_data_of_a_baseline_that_changed_are_run_again(monkeypatch, golden, outcome, words):
    def check_one(name, full):
        assert (name, full) == ("lattice_field_v1", False)
        if isinstance(golden, SystemExit):
            raise golden
        return golden

    monkeypatch.setattr(seals, "apart", lambda work, function, *given: function(*given))
    monkeypatch.setattr(seals.evidence, "checked", lambda *_, **__: None)
    changed = Changes(BASE, ("baselines/lattice_field_v1/frozen/golden.safetensors",), frozenset())
    (found,) = seals.seals(changed, [], check_one)
    assert (found.about, found.outcome, found.words) == ("lattice_field_v1", outcome, words)
