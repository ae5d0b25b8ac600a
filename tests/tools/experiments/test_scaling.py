"""Scaling: what is run, how ratios are made of runs, and when their page shows them."""

import pytest

from groundspeed.tools.experiments import scaling
from groundspeed.tools.records.conditions import timing_conditions
from groundspeed.tools.records.evidence import View
from groundspeed.validation import machine
from groundspeed.validation.records.errors import Refused

NAME = "lattice_field_ranks"


def test_one_run_serves_both_kinds():
    assert [*scaling.grids([1, 2, 4], (8, 5))] == [
        ("strong", 1, (8, 5)), ("strong", 2, (8, 5)), ("strong", 4, (8, 5)),
        ("weak", 2, (16, 5)), ("weak", 4, (32, 5)),
    ]  # fmt: skip


@pytest.mark.parametrize(("asked", "counts"), [("2", [1, 2]), ("4,1,2", [1, 2, 4])])
def test_one_rank_is_always_among_them(asked, counts):
    assert scaling.ranks_asked(asked) == counts


@pytest.mark.parametrize("asked", ["", "0,2", "two", "2,,4"])
def test_other_words_are_refused(asked):
    with pytest.raises(ValueError, match="allowed: whole numbers"):
        scaling.ranks_asked(asked)


def runs(*seconds):
    return [{"step_s": s, "messages": [0.1, 0.3]} for s in seconds]


def test_a_ratio_is_of_one_repeat_and_its_interval_between_repeats():
    found = {("strong", 1): runs(4.0, 8.0, 4.4), ("strong", 2): runs(2.0, 4.0, 2.2)}
    found["weak", 2] = runs(4.0, 8.0, 8.8)
    strong = scaling.row("strong", 2, (8, 5), found)
    assert strong.speedup == pytest.approx((2, 2, 2))
    assert strong.efficiency == pytest.approx(1)
    assert strong.messages == 0.3  # of the rank that has the most
    weak = scaling.row("weak", 2, (16, 5), found)
    assert weak.speedup[0] == pytest.approx(2 ** (2 / 3))
    assert weak.speedup[1] < 1 < weak.efficiency * 2 < 2 < weak.speedup[2]


def kept(rests_on):
    found = {("strong", 1): runs(4.0, 8.0, 4.4), ("strong", 2): runs(2.0, 4.0, 2.2)}
    rows = [scaling.row("strong", n, (8, 5), found) for n in (1, 2)]
    about = {"made": "2026-01-01", "case": "odd_3d", "steps": 5, "repeats": 3}
    return scaling.Scaling(
        optimization=NAME, rests_on=rests_on, conditions=timing_conditions(), rows=rows, **about
    )


def page(monkeypatch, filed, basis, why_not="") -> str:
    on = machine.kind()
    monkeypatch.setattr(scaling, "rests_on", lambda *_: (basis, why_not))
    read = lambda kind, key, name, on: filed if name.endswith(NAME) else None  # noqa: E731
    monkeypatch.setattr(scaling.results, "section_or_none", read)
    view = View()
    view.machines = [on]
    return scaling.page(view)


def test_numbers_are_shown_beside_the_verdict_that_they_rest_on(monkeypatch):
    assert "2.00× [2.00, 2.00]" in page(monkeypatch, kept("abc"), "abc")
    other = page(monkeypatch, kept("abc"), "abd")
    assert "No numbers: measured of other code; run: groundspeed scaling" in other
    assert "2.00×" not in other
    assert "No numbers: STALE" in page(monkeypatch, kept("abc"), "", "STALE: x changed")
    assert page(monkeypatch, None, "abc") == ""


@pytest.mark.long
def test_a_run_of_two_ranks_says_what_a_step_takes():
    found = scaling.one(NAME, "odd_3d", 2, (8, 9, 11), 5)
    assert found["ranks"] == 2
    assert found["shape"] == [8, 9, 11]
    assert found["step_s"] > 0


def test_a_run_that_fails_says_which_rank_and_why(tmp_path, monkeypatch):
    def fail(words, log, *_):
        log.write_text("a warning\nrank 1 of 2: ValueError: bodies are many\nTraceback\n")
        return 1, []

    monkeypatch.setattr(scaling, "watched", fail)
    with pytest.raises(Refused, match=r"on 2 ranks: rank 1 of 2: ValueError: bodies are many$"):
        scaling.one(NAME, "orbit", 2, (48, 48), 5)
