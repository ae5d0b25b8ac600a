"""Of which changes a speed goes stale, and of which it does not."""

from types import SimpleNamespace

import pytest

from tools import freshness, records
from validation import judge, machine, verdicts
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
    then, reason = judge.conclude(agreement, {})
    assert then is Status.UNAVAILABLE
    given = SimpleNamespace(needs=list(needs))
    monkeypatch.setattr(verdicts, "standing", lambda name, coverage: (then, given, reason))
    find = machine.importlib.util.find_spec
    monkeypatch.setattr(
        machine.importlib.util,
        "find_spec",
        lambda name, *rest: "found" if name in installed else find(name, *rest),
    )
    freshness.judged.cache_clear()
    now, verdict, words = freshness.judged("idea")
    freshness.judged.cache_clear()
    assert (now, verdict) == (status, given)
    if status is Status.STALE:
        assert words == "no_such_package: here now; run: groundspeed validate idea"
