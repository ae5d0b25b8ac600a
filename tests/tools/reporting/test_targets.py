"""Targets name what exists, and the word beside each is what the interval says."""

import tomllib
from types import SimpleNamespace

import pytest

from groundspeed.tools.cli import pipeline
from groundspeed.tools.reporting import targets
from groundspeed.tools.timing.intervals import Interval
from groundspeed.validation import discovery
from groundspeed.validation.golden import manifest
from groundspeed.validation.records.base import BrokenRecord

EVERY = targets.targets()


@pytest.mark.parametrize("target", EVERY.target, ids=lambda t: f"{t.engine}-{t.what}")
def test_what_a_target_names_exists(target):
    known = manifest.manifest(target.engine).answers
    assert set(target.cases) <= set(known)
    assert all(known[case].case["timed"] for case in target.cases)
    assert set(target.kinds) <= set(targets.KINDS)
    for name in (name for names in target.kinds.values() for name in names):
        assert discovery.claim(name).engine.name == target.engine
    for asked in target.cases.values():
        assert asked
        assert set(asked) <= {"limit", "lead"}
        assert {kind for kinds in asked.values() for kind in kinds} <= set(target.kinds)
    if any("lead" in asked for asked in target.cases.values()):
        assert target.engine in EVERY.alternatives


@pytest.mark.parametrize(("engine", "names"), EVERY.alternatives.items())
def test_an_alternative_is_an_optimization_of_that_engine(engine, names):
    assert {discovery.claim(name).engine.name for name in names} == {engine}


def timing(*ratios, numbers=None, share=None):
    """Medians of processes, as a record has them."""
    return SimpleNamespace(
        ratios=list(ratios),
        numbers=numbers or list(range(1, len(ratios) + 1)),
        ratio=ratios[0] if ratios else 1.0,
        low=min(ratios, default=1.0),
        high=max(ratios, default=1.0),
        share_of_limit=share,
    )


def timed(name, one, session="a", machine="here"):
    found = SimpleNamespace(session=session, cases={"small": one}, baseline="a seal")
    found.conditions = SimpleNamespace(machine=machine)
    return targets.Timed(name, "small", found)


@pytest.mark.parametrize(
    ("limit", "lead", "share", "ahead", "word"),
    [
        (0.75, None, 0.5, None, "MISSED"),
        (0.75, None, 0.8, None, "REACHED"),
        (0.75, None, None, None, "MISSED"),
        (None, 2, None, Interval(2.5, 2.1, 3.0), "REACHED"),
        (None, 2, None, Interval(2.5, 1.9, 3.0), "WITHIN"),
        (None, 2, None, Interval(1.5, 1.2, 1.9), "MISSED"),
        (0.75, 2, 0.5, Interval(2.5, 2.1, 3.0), "MISSED"),
        (0.75, 2, 0.8, None, "NOT TIMED"),
    ],
)
def test_the_word_is_what_the_whole_interval_says(limit, lead, share, ahead, word):
    row = targets.TargetRow(
        "a step", "small", "torch", "x", limit, lead, timing(share=share), ahead
    )
    assert row.word == word


def test_what_was_not_timed_reaches_and_misses_nothing():
    assert targets.TargetRow("a step", "small", "torch", "x", 0.5, None, None).word == "NOT TIMED"


def test_a_lead_is_that_of_the_same_rounds_over_the_closest_alternative():
    """What moves both alike, as the baseline beside them, leaves the lead as it is."""
    ours = timed("x", timing(0.1, 0.2, 0.4, numbers=[1, 2, 3]))
    close = timed("a", timing(0.8, 0.4, 1.0, numbers=[3, 2, 4]))
    far = timed("b", timing(0.5, 1.0, 2.0))
    assert targets.lead(ours, [far, close]) == pytest.approx((2, 2, 2))


@pytest.mark.parametrize(
    "other",
    [
        timed("a", timing(0.3, 0.4), session="b"),
        timed("a", timing(0.3, 0.4, numbers=[4, 5])),
    ],
    ids=["another session", "other processes"],
)
def test_a_lead_over_what_was_timed_apart_has_the_worst_of_both_intervals(other):
    ours = timed("x", timing(0.1, 0.2))
    assert ours.over(other) == pytest.approx((3, 0.3 / 0.2, 0.4 / 0.1))


def test_what_has_another_baseline_is_not_compared():
    other = timed("a", timing(0.3, 0.4))
    other.measurement.baseline = "another seal"
    assert timed("x", timing(0.1, 0.2)).over(other) is None


def test_two_machines_are_never_compared(monkeypatch):
    """The case is shown as the machine has it that timed most of what there is."""
    ours, theirs = (timed("x", timing(0.1, 0.2), machine=on) for on in ("here", "there"))
    rival = timed("a", timing(0.3, 0.4), machine="there")
    assert ours.over(rival) is None
    assert theirs.over(rival) is not None
    on_file = {"here": {"x": ours}, "there": {"x": theirs, "a": rival}}
    monkeypatch.setattr(
        targets.evidence,
        "of",
        lambda name, on: SimpleNamespace(
            timing=one.measurement if (one := on_file[on].get(name)) else None
        ),
    )
    target = targets.PerformanceTarget(engine="e_v1", what="w", kinds={"torch": ["x"]}, cases={})
    found = targets.Targets(alternatives={"e_v1": ["a"]}, target=[target])
    monkeypatch.setattr(targets, "targets", lambda: found)
    sealed = SimpleNamespace(answers={"small": None})
    monkeypatch.setattr(targets.manifest, "manifest", lambda engine: sealed)
    (shown,) = targets.ahead("e_v1", SimpleNamespace(machines=["here", "there"]))
    assert shown.ours.machine == "there"
    assert shown.by.value == pytest.approx(6**0.5)


def test_a_file_with_an_unknown_field_is_named(tmp_path, monkeypatch):
    (tmp_path / "optimizations").mkdir()
    (tmp_path / "optimizations" / "targets.toml").write_text("[alternatives]\n[[target]]\nx = 1\n")
    assert tomllib.loads((tmp_path / "optimizations" / "targets.toml").read_text())
    monkeypatch.setattr(targets.digests, "ROOT", tmp_path)
    with pytest.raises(BrokenRecord, match=r"targets\.toml.*engine"):
        targets.targets.__wrapped__()


def test_a_run_of_everything_takes_large_cases_where_a_target_asks_something():
    asked = targets.asked_of_large()
    large = {
        name: [c for c, a in manifest.manifest(discovery.claim(name).engine.name).answers.items()
               if a.case["timed"] and not a.case["quick"]]
        for name in asked
    }  # fmt: skip
    assert all(large.values())
    assert "lattice_field_numba_pairs" in asked
    assert not {"lattice_field_scipy", "energy_flow_v0_presorted"} & asked


def test_everyone_is_in_one_portion_of_a_run_and_no_portion_is_empty():
    assert pipeline.portions(["a", "b", "c"], {"b"}) == [(["a", "c"], False), (["b"], True)]
    assert pipeline.portions(["a"], {"a", "b"}) == [(["a"], True)]
    assert pipeline.portions(["a"], set()) == [(["a"], False)]
