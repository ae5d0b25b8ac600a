"""Targets name what exists, and the word beside each is what the interval says."""

import tomllib
from types import SimpleNamespace

import pytest

from groundspeed.tools.cli import pipeline
from groundspeed.tools.reporting import targets
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
        assert {*asked, *asked.get("limit", {})} - {"limit"} <= set(target.kinds)


@pytest.mark.parametrize(("engine", "names"), EVERY.alternatives.items())
def test_an_alternative_is_an_optimization_of_that_engine(engine, names):
    assert {discovery.claim(name).engine.name for name in names} == {engine}


def timing(value, low, high, share=None):
    """By speedups, as a record has ratios."""
    return SimpleNamespace(
        cpu_ratio=1 / value, cpu_low=1 / high, cpu_high=1 / low, share_of_limit=share
    )


@pytest.mark.parametrize(
    ("asked", "limit", "found", "word"),
    [
        (4, None, timing(5, 4.5, 5.5), "REACHED"),
        (4, None, timing(4.1, 3.5, 4.8), "WITHIN"),
        (4, None, timing(3, 2.5, 3.5), "MISSED"),
        (4, 0.75, timing(5, 4.5, 5.5, 0.5), "MISSED"),
        (4, 0.75, timing(5, 4.5, 5.5, 0.8), "REACHED"),
        (None, 1.3, timing(5, 4.5, 5.5, 1.4), "REACHED"),
        (None, 1.3, timing(5, 4.5, 5.5), "MISSED"),
        (4, None, None, "NOT TIMED"),
    ],
)
def test_the_word_is_what_the_whole_interval_says(asked, limit, found, word):
    row = targets.TargetRow("a step", "small", "torch", "x", asked, limit, found)
    assert row.word == word


def test_ours_is_ahead_by_the_worst_of_both_intervals():
    best, slow = timing(2, 1.9, 2.1), timing(1, 0.9, 1.1)
    found = targets.Ahead("small", ("x", timing(10, 9, 11)), [("a", slow), ("b", best)])
    assert found.by == pytest.approx((5, 9 / 2.1, 11 / 1.9))


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
