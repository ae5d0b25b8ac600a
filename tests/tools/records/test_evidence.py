"""What stays current when a machine changes, and what does not when code or rules do."""

from types import SimpleNamespace

import pytest

from groundspeed.tools.cli import listing, pipeline
from groundspeed.tools.records import conditions as here
from groundspeed.tools.records import evidence
from groundspeed.tools.records.evidence import View
from groundspeed.tools.records.measurement import Measurement
from groundspeed.tools.records.protocols import CLOCK
from groundspeed.tools.reporting import league
from groundspeed.validation import machine, protocol
from groundspeed.validation.judge import conclusions, verdicts
from groundspeed.validation.judge.verdicts import Status, Summary
from groundspeed.validation.protocol import JUDGE
from groundspeed.validation.records import digests, results
from groundspeed.validation.tiers import Coverage

NAME, BASE = "lattice_field_null", "lattice_field_v1"


@pytest.fixture(autouse=True)
def _asked_anew():
    evidence.forget()
    yield
    evidence.forget()


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Files a verdict and a timing of today's code for a kind of machine, in a scratch folder."""
    monkeypatch.setattr(results, "FOLDER", tmp_path)

    def file(on: str = "", clock: int = CLOCK.number, **changed) -> Summary:
        told = {
            "optimization": NAME, "engine": BASE, "level": "exact", "because": "b",
            "expected": "verified", "status": Status.VERIFIED, "reason": "checked",
            "coverage": Coverage.EVERYDAY, "made": "2026-01-02", "cases": {},
        }  # fmt: skip
        verdict = Summary(**(told | verdicts.provenance(NAME, BASE) | changed))
        timing = Measurement(
            optimization=NAME, engine=BASE, level="exact", made="2026-01-02",
            code=verdict.code, baseline=verdict.baseline, protocol=clock,
            conditions=here.conditions(), cases={},
        )  # fmt: skip
        results.put("verdict", verdict, NAME, on or machine.kind())
        results.put("timing", timing, NAME, on or machine.kind())
        evidence.forget()
        return verdict

    return file


def shown() -> tuple[str, bool]:
    """Status here and now, and whether there is a number."""
    evidence.forget()
    return evidence.judged(NAME)[0].value, evidence.measured(NAME) is not None


def test_kernel_machine_id_memory_and_driver_are_no_reason_to_measure_again(file, monkeypatch):
    file()
    assert shown() == ("VERIFIED", True)
    monkeypatch.setattr(here.platform, "release", lambda: "9.9.9-other")
    monkeypatch.setattr(machine, "instance", lambda: "another box")
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(total=1 << 40))
    monkeypatch.setattr(machine, "accelerator", lambda: ("", "another driver"))
    now = here.conditions()
    assert (now.system.split()[1], now.instance, now.memory_gib) == (
        "9.9.9-other", "another box", 1024.0,
    )  # fmt: skip
    assert shown() == ("VERIFIED", True)


def test_on_another_kind_of_machine_the_evidence_is_shown_as_what_it_is(file, monkeypatch):
    file()
    monkeypatch.setenv("GROUNDSPEED_MACHINE", "another-kind")
    assert shown() == ("UNJUDGED", False)
    evidence.forget()
    best = View().of(NAME)
    assert (best.status, best.machine != "another-kind", best.timing is not None) == (
        Status.VERIFIED, True, True,
    )  # fmt: skip
    (entry,) = [e for own in league.leagues(View()) for e in own.entries if e.name == NAME]
    row = listing.row(entry)
    assert (row.status, row.here, row.made) == ("VERIFIED", "UNJUDGED", "2026-01-02")
    assert listing.heading(entry) == f"without a number, on {best.machine}"
    assert "this machine is another-kind: 0 of" in listing.missing()
    assert "groundspeed run --here" in listing.missing()


def test_a_new_machine_is_no_reason_to_judge_or_time_again(file, monkeypatch):
    file()
    monkeypatch.setenv("GROUNDSPEED_MACHINE", "another-kind")
    evidence.forget()
    assert pipeline.judged_anywhere(NAME, Coverage.EVERYDAY)
    assert pipeline.timed_anywhere(NAME, full=False)
    assert not pipeline.judged_anywhere(NAME, Coverage.FULL)


def test_machines_stand_side_by_side_with_the_first_one_first(file, monkeypatch):
    file(on="one"), file(on="two"), file(on="three", status=Status.REJECTED)
    found = View("two").every(NAME)
    assert [e.machine for e in found][0] == "two"
    assert {e.machine for e in found} == {"one", "two", "three"}
    assert View("two").kinds(NAME) == "VERIFIED on 2 of 3 machine kinds"
    assert View("three").of(NAME).machine in ("one", "two")  # the first that has a number


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"files": {"optimizations/x.py": "0"}}, "optimizations/x.py changed"),
        ({"baseline": "other"}, f"baseline {BASE} changed"),
        ({"torch": "1.0"}, "torch 1.0 → "),
        ({"modified": "0123"}, "made while the judge's rules were being changed"),
    ],
)
def test_what_a_verdict_rests_on_makes_it_stale_and_is_named(file, changed, words):
    file(**changed)
    status, _, reason = evidence.judged(NAME)
    assert status is Status.STALE
    assert words in reason
    assert "was VERIFIED on 2026-01-02" in reason
    assert shown()[1] is False


def test_evidence_of_another_machine_stands_under_the_torch_that_it_names(file):
    file(on="elsewhere", torch="1.0")
    assert evidence.of(NAME, "elsewhere").status is Status.VERIFIED
    assert evidence.of(NAME, "elsewhere").timing is not None


def test_an_older_protocol_is_named_and_only_a_rule_that_changed_is_stale(file, monkeypatch):
    old = JUDGE.number - 1
    file(protocol=old)
    monkeypatch.setattr(protocol.Protocol, "overturned", lambda self, made_under, tags: "")
    found = evidence.of(NAME, machine.kind())
    assert (found.status, found.word) == (Status.VERIFIED, f"VERIFIED (protocol {old})")
    stricter = protocol.Change(JUDGE.number + 1, "bits are counted twice", ("exact verified",))
    monkeypatch.setattr(
        protocol.Protocol, "overturned", overturned_by(stricter, lambda self, made_under, tags: "")
    )
    evidence.forget()
    status, _, reason = evidence.judged(NAME)
    assert status is Status.STALE
    assert f"judge protocol {stricter.number} changed its rule: bits are counted twice" in reason


def overturned_by(change, before):
    """As if the history went on."""

    def overturned(self, made_under, tags):
        if self is JUDGE and set(tags) & set(change.stales):
            return f"judge protocol {change.number} changed its rule: {change.line}"
        return before(self, made_under, tags)

    return overturned


def test_a_number_of_an_older_clock_is_stale_where_its_rule_changed(file):
    changed = max(change.number for change in CLOCK.history if "cpu" in change.stales)
    file(clock=changed - 1)
    assert shown() == ("VERIFIED", False)
    file(clock=changed)
    assert shown() == ("VERIFIED", True)


def test_a_number_of_other_code_is_none(file):
    verdict = file()
    stored = results.section(Measurement, "timing", NAME, machine.kind())
    assert evidence.outdated(stored, verdict) == ""
    other = verdict.model_copy(update={"files": {"a.py": "1"}})
    assert evidence.outdated(stored, other) == "measured of other code"


def test_a_damaged_file_is_one_line_that_names_it_and_stops_nobody(file):
    file(on="one"), file(on="two")
    path = results.path(NAME, "one")
    path.write_text(path.read_text().replace("checked", "chequed"))
    evidence.forget()
    broken = evidence.of(NAME, "one")
    assert broken.status is Status.UNJUDGED
    assert str(path) in broken.reason
    assert "\n" not in broken.reason
    assert View("one").of(NAME).machine == "two"


def test_a_sample_for_a_machine_without_evidence_is_the_fastest_of_a_few_engines(monkeypatch):
    monkeypatch.setenv("GROUNDSPEED_MACHINE", "brand-new")
    evidence.forget()
    chosen = pipeline.sample()
    engines = [View().of(name).verdict.engine for name in chosen]
    assert len(engines) == len(set(engines)) == pipeline.SAMPLE
    assert all(View().of(name).timing for name in chosen)
    monkeypatch.delenv("GROUNDSPEED_MACHINE")
    monkeypatch.setenv("GROUNDSPEED_MACHINE", results.machines()[0])
    assert pipeline.sample() == set()


@pytest.mark.parametrize(
    ("needs", "installed", "status"),
    [
        (("no_such_package",), (), Status.UNAVAILABLE),
        (("no_such_package",), ("no_such_package",), Status.STALE),
        (("no_such_package", "nor_this"), ("no_such_package",), Status.UNAVAILABLE),
        (("cuda", "no_such_package"), ("no_such_package",), Status.UNAVAILABLE),
    ],
)
def test_what_wanted_for_a_package_is_judged_again_when_it_is_there(
    monkeypatch, needs, installed, status
):
    monkeypatch.setitem(machine.ABLE, "cuda", (lambda: False, machine.ABLE["cuda"][1]))
    agreement = SimpleNamespace(engine=SimpleNamespace(needs=needs))
    then, reason = conclusions.conclude(agreement, {})
    assert then is Status.UNAVAILABLE
    given = SimpleNamespace(needs=list(needs))
    monkeypatch.setattr(
        verdicts, "current_status", lambda name, coverage, on, code: (then, given, reason)
    )
    find = machine.importlib.util.find_spec
    monkeypatch.setattr(
        machine.importlib.util,
        "find_spec",
        lambda name, *rest: "found" if name in installed else find(name, *rest),
    )
    now, verdict, words = evidence.judged("idea")
    assert (now, verdict) == (status, given)
    if status is Status.STALE:
        assert words == "no_such_package: here now; run: groundspeed validate idea"
    assert evidence.judged("idea", on="elsewhere")[0] is Status.UNAVAILABLE


def test_a_file_that_only_the_running_process_shows_is_part_of_the_verdict(scratch):
    """Loaded inside the step by a name that no text shows; an edit of it is named."""
    scratch.only("lattice_field_null", ("odd_2d",))
    hidden = scratch.file("numbers_of_mine.py")
    hidden.write_text("ONE = 1\n")
    scratch.plant(
        "lattice_field_null",
        "import dataclasses, importlib, sys\n"
        f"sys.path.append({str(scratch.root)!r})\n"
        "def late(case):\n"
        "    step = right.prepare(case)\n"
        "    def stepping(state):\n"
        "        importlib.import_module('numbers' + '_of_mine')\n"
        "        return step(state)\n"
        "    return stepping\n"
        "engine = dataclasses.replace(right, stepper=late)\n",
    )
    assert scratch.run("validate", "lattice_field_null").returncode == 0
    files = results.read("lattice_field_null", machine.kind(), scratch.root)["verdict"]["files"]
    assert files["numbers_of_mine.py"] == digests.of_file(hidden)[:16]
    assert "optimizations/lattice_field_null/implementation.py" in files
    assert not [path for path in files if path.startswith(("validation", "tools"))]
    hidden.write_text("ONE = 2\n")
    listed = scratch.run("list", "lattice_field_null").stdout
    assert "STALE" in listed
    assert "numbers_of_mine.py changed" in listed
