"""The optimizations of a baseline, best first, on one case."""

from types import SimpleNamespace

import pytest

from groundspeed.tools.cli import listing
from groundspeed.tools.records.evidence import Evidence
from groundspeed.tools.reporting import league, targets
from groundspeed.tools.reporting.league import one
from groundspeed.validation.judge.verdicts import Status

ENGINE = "lattice_field_v1"


def timing(ratio, baseline_s=1.0, word="FASTER"):
    return SimpleNamespace(
        ratio=ratio, headline=1 / (1.1 * ratio), baseline_s=baseline_s, word=word,
        wall=f"{1 / ratio:.2f}× [1, 2]", peak_bytes={},
    )  # fmt: skip


def found(name, cases=None, status=Status.VERIFIED, level="exact", reason="3 comparisons"):
    verdict = SimpleNamespace(level=level, engine=ENGINE, made="2026-01-02", cases={})
    measured = SimpleNamespace(cases=cases, made="2026-01-03") if cases else None
    return Evidence(name, "this", status, verdict, reason, measured)


@pytest.fixture
def view():
    return SimpleNamespace(kinds=lambda name: "")


def names(every, view, engine=ENGINE):
    return [entry.name for entry in one(engine, every, view).entries]


def test_numbers_come_first_best_first_and_refusals_last(view, monkeypatch):
    declare(monkeypatch, {ENGINE: "big"})
    every = [
        found("refused", status=Status.REJECTED),
        found("stale", status=Status.STALE),
        found("slow", {"big": timing(0.9)}),
        found("verified"),
        found("other_physics", {"big": timing(0.01)}, level="approximate"),
        found("fast", {"big": timing(0.1), "small": timing(0.5)}),
        found("elsewhere", {"small": timing(0.01)}),
    ]
    order = ["fast", "slow", "elsewhere", "other_physics", "verified", "refused", "stale"]
    assert names(every, view) == order


def declare(monkeypatch, headline):
    file = targets.Targets(headline=headline, alternatives={}, target=[])
    monkeypatch.setattr(targets, "targets", lambda: file)


def test_without_a_declaration_the_case_is_the_one_that_compares_most(view, monkeypatch):
    declare(monkeypatch, {})
    every = [
        found("a", {"rare": timing(0.1, 9.0), "quick": timing(0.5), "long": timing(0.5, 2.0)}),
        found("b", {"quick": timing(0.5), "long": timing(0.5, 2.0)}),
    ]
    assert one(ENGINE, every, view).headline == "long"
    declare(monkeypatch, {ENGINE: "not timed"})
    assert one(ENGINE, every, view).headline == "long"


def test_one_that_was_not_timed_on_it_is_listed_under_its_own_case(view, monkeypatch, capsys):
    declare(monkeypatch, {ENGINE: "big"})
    every = [found("a", {"big": timing(0.5)}), found("b", {"x": timing(0.5), "y": timing(0.5, 2)})]
    every.append(found("c", {"big": timing(0.1)}, level="approximate"))
    own = one(ENGINE, every, view)
    assert [(e.case, e.elsewhere) for e in own.entries] == [("big", ""), ("y", "y"), ("big", "")]
    assert list(own.compared) == ["a", "c, other physics"]
    listing.show_league(own, 100)
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown] == ["big:", "verdict", "a", "y:", "b", "big:", "c"]
    assert all("of the baseline on this" in line for line in shown if line.startswith("  y"))


def test_why_there_is_no_number_is_said_in_a_few_words(view, monkeypatch):
    declare(monkeypatch, {})
    closest = SimpleNamespace(share=4.0, field="E", largest=213.0, allowed=1.5e-15)
    wrong = found("wrong", status=Status.REJECTED)
    wrong.verdict.cases["odd"] = SimpleNamespace(closest=closest)
    old = found("old", status=Status.STALE, reason="was VERIFIED on 2026-01-01; torch changed")
    own = one(ENGINE, [wrong, found("untimed"), old], view)
    assert {e.name: e.short for e in own.entries} == {
        "wrong": "E off by 213, allowed 1.5e-15",
        "untimed": "not timed",
        "old": "was VERIFIED on 2026-01-01",
    }
    reasons = {e.name: e.reason for e in own.entries}
    assert reasons["wrong"] == "odd: E off by 213, allowed 1.5e-15"
    assert reasons["old"].endswith("torch changed")


def test_a_row_of_the_list_ends_with_the_page():
    assert listing.aligned(("a", "REJECTED", "x" * 90), 10, 60) == (
        "a           REJECTED   " + "x" * 36 + "…"
    )
    assert listing.aligned(("a" * 30, "REJECTED", "x" * 90), 38, 40) == (
        "a" * 30 + "\n  REJECTED   " + "x" * 26 + "…"
    )


def test_the_whole_list_fits_a_hundred_columns_and_shows_every_number(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert listing.run() == 0
    lines = capsys.readouterr().out.splitlines()
    everything = [e for own in league.leagues(listing.View()) for e in own.entries]
    assert all(len(line) <= 100 for line in lines)
    for entry in everything:
        (line,) = (line for line in lines if line.split()[:1] == [entry.name])
        assert entry.evidence.status.value in line
        assert entry.timing is None or entry.timing.wall in line
    assert any(line.startswith(f"{len(everything)} optimizations: ") for line in lines[-4:])
