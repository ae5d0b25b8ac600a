"""What judged inputs reach is kept beside the seal, told by name, and held to the author's list."""

import pytest
import torch

from groundspeed import baselines
from groundspeed.tools.cli import check
from groundspeed.validation.golden import coverage
from groundspeed.validation.golden.coverage import (
    Coverage,
    Unreachable,
    counted,
    listed,
    never_reached,
)
from groundspeed.validation.golden.freeze import freeze
from groundspeed.validation.golden.manifest import manifest
from groundspeed.validation.inputs.frozen_variants import INPUTS
from groundspeed.validation.records.errors import Sealed
from groundspeed.validation.reference.limits import coverage_of
from groundspeed.validation.reference.places import Limits, Place

CLAMP = Place("some_v1/a.py", 3, "clamp", "x.clamp(0, 1)")
LESS = Place("some_v1/a.py", 2, "lt", "x < 1")
FOUND = {
    "one": Limits({CLAMP: frozenset({"low", "idle"}), LESS: frozenset({"true"})}),
    "two": Limits({CLAMP: frozenset({"idle"}), LESS: frozenset({"true", "equal", "false"})}),
    "none": Limits(),
}
ENGINES = ["lattice_field_v1", "tensor_field_v1", "probabilistic_field_v1", "energy_flow_v1"]
SMALL = {
    "lattice_field_v1": "ball",
    "tensor_field_v1": "prior",
    "probabilistic_field_v1": "cold_wide",
    "energy_flow_v1": "tiny_steps",
}


def test_each_input_comes_back_from_the_file_as_it_was(tmp_path):
    kept = Coverage.of("some_v1", FOUND).write(tmp_path / "conditions.json")
    read = Coverage.read(tmp_path / "conditions.json")
    assert read == kept
    for name, limits in FOUND.items():
        assert read.limits([name]).reached() == limits.reached()
    assert read.limits() == FOUND["one"] | FOUND["two"]
    assert read.limits(["unknown"]).reached() == set()


def test_inputs_join_and_replace_those_of_their_name():
    more = {"two": Limits({CLAMP: frozenset({"high"})}), "three": FOUND["one"]}
    joined = Coverage.of("some_v1", FOUND).with_inputs(more)
    assert set(joined.reached) == {"one", "two", "three", "none"}
    assert joined.limits(["two"]).reached() == {(CLAMP, "high")}
    assert joined.limits(["one"]).reached() == FOUND["one"].reached()


def test_what_the_judged_inputs_do_not_reach_is_said_by_source_line():
    kept = Coverage.of("some_v1", FOUND)
    assert listed(kept.missing()) == ["a.py:3 `x.clamp(0, 1)` high"]
    one = kept.missing(["one"])
    assert listed(one) == ["a.py:2 `x < 1` false, equal", "a.py:3 `x.clamp(0, 1)` high"]
    assert counted("some_v1", one) == f"3 limits never reached: {'; '.join(listed(one))}"
    assert (
        counted("some_v1", kept.missing()) == "1 limit never reached: a.py:3 `x.clamp(0, 1)` high"
    )
    assert counted("some_v1", []) == ""
    many = [(f"a.py:{k} `x`", "low") for k in range(5)]
    assert counted("some_v1", many) == "5 limits never reached: groundspeed check some_v1"


def test_what_cannot_be_reached_is_no_gap_and_must_be_true(monkeypatch):
    kept = Coverage.of("some_v1", FOUND)
    says = {("a.py:3 `x.clamp(0, 1)`", "high"): "it is below"}
    monkeypatch.setattr(coverage, "unreachable", lambda name: says)
    assert kept.missing() == []
    coverage.refuse_reached(kept)
    says[("a.py:2 `x < 1`", "equal")] = "never"
    with pytest.raises(Sealed, match=r"a\.py:2 `x < 1` equal, and two reaches it"):
        coverage.refuse_reached(kept)


@pytest.mark.parametrize("name", ENGINES)
def test_what_is_on_file_is_what_a_case_reaches_now(name):
    torch.set_num_threads(1)
    engine, kept = baselines.load(name), coverage.measured(name)
    case = engine.cases[SMALL[name]]
    now = coverage_of(engine, [(case, None, case.steps)])
    assert kept.limits([SMALL[name]]).reached() == now.reached()
    assert set(kept.inputs) == {n for n, c in engine.cases.items() if c.quick} | {INPUTS}


@pytest.mark.parametrize("name", ENGINES)
def test_the_author_s_list_names_places_as_they_are_now(name):
    shown = {(p.shown(name), o) for p, o in coverage.measured(name).limits().missing()}
    assert set(coverage.unreachable(name)) <= shown
    coverage.refuse_reached(coverage.measured(name))


def test_a_verdict_of_few_cases_says_what_they_leave_out():
    every = coverage.measured("lattice_field_v1").reached
    assert never_reached("lattice_field_v1", every) == ""
    few = never_reached("lattice_field_v1", ["odd_2d"])
    assert "limits never reached: groundspeed check lattice_field_v1" in few
    assert never_reached("no_such_engine_v1", ["odd_2d"]) == ""


def test_a_list_with_an_unknown_word_is_refused():
    with pytest.raises(ValueError, match="reason"):
        Unreachable(place="a", outcomes=["low"], because="so", reason="so")


def test_check_lists_what_is_never_reached(monkeypatch, capsys):
    monkeypatch.setattr(
        check, "check_all", lambda names, full: dict.fromkeys(names, ("SEALED", ""))
    )
    monkeypatch.setattr(coverage, "measured", lambda name: Coverage.of("some_v1", FOUND))
    check.run(["lattice_field_v1"], full=False)
    said = capsys.readouterr().out
    assert "5 of 6 conditions and limits reached, 1 never\n" in said
    assert "    a.py:3 `x.clamp(0, 1)` high\n" in said


def test_what_was_sealed_without_is_measured_by_freeze_once(monkeypatch, tmp_path):
    filed = tmp_path / "conditions.json"
    monkeypatch.setattr(coverage, "path_of", lambda name: filed)
    monkeypatch.setattr(coverage, "measure", lambda engine, cases, tell: FOUND)
    (line,) = coverage.listing("lattice_field_v1")
    assert line.endswith("not measured; run: groundspeed freeze lattice_field_v1")
    seal = freeze("lattice_field_v1")
    assert seal == manifest("lattice_field_v1")
    assert Coverage.read(filed).limits() == FOUND["one"] | FOUND["two"]
    with pytest.raises(Sealed, match="no new case"):
        freeze("lattice_field_v1")


def test_small_cases_are_run_in_full_and_larger_ones_a_few_steps(monkeypatch):
    ran = {}
    monkeypatch.setattr(
        coverage, "reached_by", lambda engine, case, steps: ran.setdefault(case, steps) and Limits()
    )
    engine = baselines.load("lattice_field_v1")
    names = ("orbit", "well", "packet_128", "plane_2048")
    cases = {name: engine.cases[name] for name in names}
    assert list(coverage.measure(engine, cases)) == list(names[:3])
    assert list(ran.values()) == [455, 32, 3]
