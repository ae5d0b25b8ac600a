"""The page that shows each claim on each kind of machine."""

from types import SimpleNamespace

import pytest

from groundspeed.tools.experiments import sweep
from groundspeed.tools.records.evidence import Evidence
from groundspeed.tools.reporting import machines
from groundspeed.validation.judge.verdicts import Status


def timing(speedup: float, word: str = "FASTER"):
    return SimpleNamespace(speedup=speedup, baseline_s=1.0, word=word)


def found(on: str, cases: dict | None = None, status: Status = Status.VERIFIED) -> Evidence:
    verdict = SimpleNamespace(engine="engine_v1", status=status)
    return Evidence(
        "fast", on, status, verdict, "", SimpleNamespace(cases=cases) if cases else None
    )


@pytest.fixture(autouse=True)
def unmapped(monkeypatch):
    monkeypatch.setattr(sweep, "on_file", lambda engine, on: None)


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (None, ""),
        (found("a", {"big": timing(3), "small": timing(9)}), "VERIFIED, **3.00×**"),
        (found("a", {"small": timing(9)}), "VERIFIED, **9.00×** (small)"),
        (found("a"), "VERIFIED"),
        (found("a", status=Status.REJECTED), "REJECTED"),
        (found("a", status=Status.STALE), "stale"),
    ],
)
def test_a_cell_has_the_verdict_and_the_speed_that_stands_on_it(evidence, said):
    assert machines.cell(evidence, "big") == said


def test_where_it_ends_names_each_machine_that_timed_it_and_slower_cases_first():
    unsure = timing(1.0, "INCONCLUSIVE")
    here = found("a", {"big": timing(3), "tiny": unsure, "wide": timing(0.5, "SLOWER")})
    there = found("b", {"big": unsure})
    silent = found("c", status=Status.STALE)
    own = "wide 0.50×, tiny not clearly faster"
    assert machines.where_it_ends([here, silent]) == own
    assert machines.where_it_ends([here, there]) == f"a: {own}; b: big not clearly faster"
    assert machines.where_it_ends([found("a", {"big": timing(3)})]) == ""


def test_a_long_list_of_cases_is_cut_and_counted():
    cases = {f"case_{n}": timing(0.5, "SLOWER") for n in range(6)}
    said = machines.where_it_ends([found("a", cases)])
    assert said.endswith("case_3 0.50× and 2 more")


def test_mapped_sizes_on_which_it_is_slower_are_named(monkeypatch):
    slow = {"size": "28", "dtype": "float32", "threads": 2, "low": 1.5, "ratio": 2.0}
    fast = slow | {"size": "64", "low": 0.4, "ratio": 0.5}
    mapped = [sweep.Scenario(optimization="fast", **row) for row in (fast, slow)]
    monkeypatch.setattr(sweep, "on_file", lambda engine, on: mapped)
    monkeypatch.setattr(sweep, "today", lambda engine, names, on: mapped)
    said = machines.where_it_ends([found("a", {"big": timing(3)})])
    assert said == "28, float32, 2 threads 0.50×"
