"""The simulation of many claims on many machines, and the times that it starts from."""

import pytest

from groundspeed.tools.experiments import scale_plan
from groundspeed.tools.experiments.scale_plan import START_S, Measured, simulated

COSTS = Measured(
    files=1, record_bytes=8000, compressed_bytes=2000, read_s=1e-3, verdict_s=5, timing_s=10,
    claims_a_baseline=10,
)  # fmt: skip


@pytest.fixture(autouse=True)
def reliable(monkeypatch):
    monkeypatch.setattr(scale_plan, "LOST", 0.0)


def test_one_baseline_on_one_machine_takes_the_sum_of_its_parts():
    found = simulated("", [10], COSTS, machines=1, kinds=1, timed=True)
    assert found.hours * 3600 == pytest.approx(2 * START_S + 10 * 5 + 10 * 10)
    assert (found.jobs, found.files, found.bytes) == (2, 10, 20_000)


def test_machines_of_a_kind_share_its_work_and_kinds_do_not():
    one = simulated("", [10] * 8, COSTS, machines=1, kinds=1, timed=False)
    four = simulated("", [10] * 8, COSTS, machines=4, kinds=1, timed=False)
    kinds = simulated("", [10] * 8, COSTS, machines=4, kinds=4, timed=False)
    assert four.hours == pytest.approx(one.hours / 4)
    assert kinds.hours == pytest.approx(one.hours)
    assert kinds.node_hours == pytest.approx(4 * one.node_hours)


def test_a_lost_job_is_done_again(monkeypatch):
    monkeypatch.setattr(scale_plan, "LOST", 1.0)
    found = simulated("", [10], COSTS, machines=1, kinds=1, timed=False)
    assert found.hours * 3600 == pytest.approx(2 * (START_S + 50))
    assert (found.jobs, found.lost) == (1, 1)


def test_every_claim_is_in_a_group():
    assert sum(scale_plan.groups(10_007, COSTS)) == 10_007


def test_pauses_between_runs_are_no_work():
    stamps = [f"2026-01-0{day}T00:00:{second:02}+00:00" for day in (1, 2) for second in (0, 4, 8)]
    assert scale_plan.apart(stamps) == pytest.approx(4)
