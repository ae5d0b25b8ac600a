"""What adopting and reading a state add to a step, with made-up seconds."""

import pytest

from groundspeed.tools.timing import charges
from groundspeed.tools.timing.worker_client import Heard

LENGTH, COPY = 100, 1.0


def adopted(*seconds: float) -> list[dict]:
    return [{"adopted": {"idea": [s, s]}, "copy": [COPY, COPY]} for s in seconds]


def read(first: float, again: float = 0.0, way: float = 0.0, steps: int = 1) -> dict:
    took = {"first": [first] * 2, "again": [again] * 2, "way": [way] * 2}
    return {"steps": steps, "read": {"idea": took}}


def share(passes: list[dict], reads: list[dict], made: int = 10) -> float:
    wall, processor = charges.of_case(LENGTH, passes, reads, made)["idea"]
    assert wall == processor
    return wall


def test_a_layout_is_paid_once_a_trajectory_however_few_of_its_steps_were_made():
    assert share(adopted(4.0), [read(2.0, again=2.0)]) == pytest.approx((4 + 2) / LENGTH)
    assert share(adopted(4.0, 4.0), [read(2.0, again=1.5)] * 3) == pytest.approx((4 + 2) / LENGTH)


def test_on_a_gpu_the_way_back_is_part_of_it():
    assert share(adopted(0.0), [read(0.0, way=30.0)]) == pytest.approx(30 / LENGTH)


def test_work_made_ahead_is_paid_by_the_steps_that_were_made_of_it():
    layout = charges.COPIES * COPY
    found = share(adopted(layout + 50.0), [read(0.0)], made=10)
    assert found == pytest.approx(layout / LENGTH + 50 / 10)
    found = share(adopted(layout + 50.0, layout + 50.0), [read(0.0)], made=20)
    assert found == pytest.approx(layout / LENGTH + 2 * 50 / 20)


def test_work_put_off_is_paid_by_the_steps_since_the_reading_before():
    found = share(adopted(0.0), [read(3.0, steps=1), read(9.0, steps=3), read(6.0, steps=2)])
    assert found == pytest.approx(3.0)
    found = share(adopted(0.0), [read(3.0, again=1.0)])
    assert found == pytest.approx(charges.LEEWAY / LENGTH + 3.0 - charges.LEEWAY)


def test_a_second_reading_as_slow_as_the_first_hides_no_work():
    most = charges.COPIES * COPY
    found = share(adopted(0.0), [read(20.0, again=20.0, steps=2)])
    assert found == pytest.approx(most / LENGTH + (20 - most) / 2)


def test_the_control_bears_what_the_frozen_engine_does_for_as_many_steps_as_it_makes():
    took = dict.fromkeys(("baseline", "control", "injected", "idea", "stream"), [40.0, 80.0])
    shares = {"baseline": [1.0, 2.0], "idea": [3.0, 4.0]}
    found = charges.with_shares(took, shares, steps=20, extra=1)
    assert found["baseline"] == found["control"] == [3.0, 6.0]
    assert found["injected"] == [pytest.approx(2 + 1.05), pytest.approx(4 + 2.1)]
    assert found["idea"] == [5.0, 8.0]
    assert found["stream"] == [2.0, 4.0]


def test_seconds_are_those_that_were_told_at_once_and_starts_are_drawn_for_each_run(monkeypatch):
    """What the worker says at the end of a case changes none of them."""
    monkeypatch.setattr("groundspeed.tools.timing.worker_client.LOOKS", 0.0)
    seeds = []
    for _ in range(2):
        heard = Heard()
        heard.hear(0.0, {"frozen": "c", "steps": 2})
        seeds.append(heard.hear(0.0, {"fresh": "pass"}))
        heard.hear(0.0, {"adopted": {"idea": [0.0, 0.0]}, "copy": [COPY, COPY]})
        heard.hear(0.0, {"begin": "rounds"})
        assert heard.hear(4.0, {"end": {"idea": [4.0, 4.0]}}) is False
        heard.hear(4.0, read(0.0, steps=2))
        told = {"case": "c", "steps": 2, "extra": 0, "length": LENGTH}
        row = heard.case(told | {"rounds": [{"idea": [0.1, 0.1]}]}).row
        assert row["rounds"] == [{"idea": [2.0, 2.0]}]
        assert (row["seeds"], row["looked"]) == ([seeds[-1]], [[2]])
    assert seeds[0] != seeds[1]
