"""Of which changes a speed goes stale, and of which it does not."""

from types import SimpleNamespace

import pytest

from tools import freshness, records
from validation.verdicts import Status

NAME = "lattice_field_null"
RESTS_ON = {"implementation": "ours", "baseline": "sealed", "torch": "2", "judge": "yesterday's"}


@pytest.fixture
def speed(monkeypatch):
    """A verdict and a measurement that rest on the same, and what changes of either."""
    verdict = SimpleNamespace(digests=dict(RESTS_ON))
    found = SimpleNamespace(
        verdict_digests=dict(RESTS_ON),
        clock=freshness.clock_digest(),
        conditions=SimpleNamespace(key="here"),
        cases={"small": None},
    )
    monkeypatch.setattr(records, "measured", lambda name: found)
    monkeypatch.setattr(freshness, "judged", lambda name: (Status.VERIFIED, verdict, ""))
    monkeypatch.setattr(freshness, "timed_cases", lambda verdict, full: ["small"])
    monkeypatch.setattr(freshness, "here", lambda: "here")

    def shown(**changed) -> bool:
        for key, value in changed.items():
            verdict.digests[key] = value
        freshness.measured.cache_clear()
        return freshness.measured(NAME) is found

    yield SimpleNamespace(shown=shown, record=found, patch=monkeypatch)
    freshness.measured.cache_clear()


def test_another_judge_that_comes_to_the_same_end_makes_no_speed_stale(speed):
    assert speed.shown(judge="today's")


@pytest.mark.parametrize("what", sorted(set(RESTS_ON) - {"judge"}))
def test_other_code_does(speed, what):
    assert speed.shown()
    assert not speed.shown(**{what: "other"})


def test_another_clock_and_another_machine_do(speed):
    speed.record.clock = "other"
    assert not speed.shown()
    speed.record.clock = freshness.clock_digest()
    assert speed.shown()
    speed.patch.setattr(freshness, "here", lambda: "elsewhere")
    assert not speed.shown()


def test_no_speed_is_shown_until_todays_judge_has_come_to_an_end(speed):
    speed.patch.setattr(freshness, "judged", lambda name: (Status.STALE, None, "judge changed"))
    assert not speed.shown()
