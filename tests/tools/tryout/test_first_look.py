"""What a first look leaves out, and what it says of rounds: without a process."""

import pytest

from groundspeed import baselines
from groundspeed.tools.tryout import smoke_checks
from groundspeed.tools.tryout.answer import Answer, Look
from groundspeed.tools.tryout.first_ratio import of_rounds
from groundspeed.tools.tryout.smoke_checks import FirstSteps, as_time_allows, chosen_cases
from groundspeed.validation.claims import Agreement
from groundspeed.validation.judge.verdicts import Status
from groundspeed.validation.records.errors import BrokenLeaf
from groundspeed.validation.reference.trajectory import checkpoints

BASE = baselines.load("lattice_field_v1")


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass one by one, each time they are asked for."""
    seconds = iter(range(1000))
    monkeypatch.setattr(smoke_checks, "perf_counter", lambda: float(next(seconds)))


def test_so_many_are_tried_however_slow_they_are(clock):
    assert list(as_time_allows("abcdefgh", fewest=2, seconds=0.0)) == ["a", "b"]
    assert list(as_time_allows("abcdefgh", fewest=2, seconds=3.5)) == ["a", "b", "c", "d", "e"]
    assert list(as_time_allows("ab", fewest=5, seconds=0.0)) == ["a", "b"]


@pytest.mark.parametrize(("calls", "stride"), [(0, 1), (1, 1), (30, 1), (10**6, 1), (30, 2)])
def test_first_steps_are_steps_that_the_judge_compares(calls, stride):
    """No other steps, since their tolerance is sealed; one at least."""
    data = FirstSteps.__new__(FirstSteps)
    data.case, data.calls = BASE.cases["orbit"], calls
    found, every = data.checkpoints(stride), checkpoints(data.case, stride)
    assert found == every[: len(found)]
    assert found
    assert all(n <= calls * stride for n in found[1:])
    assert (found == every) == (calls == 10**6)


def claim(*cases: str) -> Agreement:
    return Agreement(engine=BASE, level="exact", because="it is", cases=cases)


def test_smoke_cases_come_cheapest_first_and_the_smallest_timed_one_is_timed():
    smoke, timed = chosen_cases(BASE, claim(), "")
    assert set(smoke) == {name for name, case in BASE.cases.items() if case.stored}
    assert timed == "packet_64"
    assert chosen_cases(BASE, claim("odd_2d", "damped"), "")[1] in ("odd_2d", "damped")


def test_the_case_asked_for_is_the_only_one():
    assert chosen_cases(BASE, claim(), "well") == (["well"], "well")
    with pytest.raises(LookupError, match="no case 'fly'"):
        chosen_cases(BASE, claim(), "fly")
    with pytest.raises(BrokenLeaf, match="and not well"):
        chosen_cases(BASE, claim("odd_2d"), "well")


def rounds(ours: float, control: float = 1.0) -> list[dict]:
    times = {"baseline": 2e-3, "candidate": 2e-3 * ours, "control": 2e-3 * control}
    wobble = [1 + 1e-3 * (r % 7) for r in range(20)]
    return [{k: [t * w, t * w] for k, t in times.items()} for w in wobble]


def test_a_ratio_is_the_median_of_rounds_with_their_interval():
    found = of_rounds("small", rounds(0.5))
    assert (found.word, found.rounds) == ("FASTER", 20)
    assert found.speedup == pytest.approx(2.0)
    assert found.low <= found.speedup <= found.high
    assert of_rounds("small", rounds(1.3)).word == "SLOWER"


def test_a_ratio_whose_control_is_off_names_no_effect():
    assert of_rounds("small", rounds(0.9, control=1.2)).word == "INCONCLUSIVE"
    found = of_rounds("small", rounds(0.5), noise="control at 1.2, should be 1.0")
    assert found.word == "INCONCLUSIVE"
    assert "noisy: control at 1.2" in answer(ratio=found).reason


def answer(status: Status = Status.VERIFIED, **more) -> Answer:
    look = Look(status=status, reason="E[0] off", claim=claim(), smoke=["odd_2d"])
    return Answer("idea", look, **more)


def test_a_speed_is_shown_beside_no_other_word_than_right():
    ratio = of_rounds("small", rounds(0.5))
    assert "2.00x [" in answer(ratio=ratio).reason
    for found in (answer(Status.REJECTED, ratio=ratio), answer(ratio=ratio, untimed="it cheats")):
        assert not found.right
        assert "2.00x" not in " ".join(found.line)
        assert found.plain["ratio"] is None
