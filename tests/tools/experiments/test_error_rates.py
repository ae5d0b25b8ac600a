"""The experiment counts what it is given, keeps every process, and resumes."""

import random
from types import SimpleNamespace

import pytest

from groundspeed.tools.experiments import error_rates
from groundspeed.tools.experiments.error_rates import ErrorRateRun, Experiment
from groundspeed.tools.records import machine_load

QUIET = machine_load.Beside(busy=0.1, steal=0.0, others=0, load=0.1)
TRUE = {"A": 1.0, "A/A": 1.0, "+2 %": 1.02, "+5 %": 1.05}


def trial(seed: int, scale: dict[str, float] = TRUE, loop_s: float = 2e-7) -> ErrorRateRun:
    """A process on a made-up machine: jitter of 0.5 %, drift between blocks made in a row."""
    rng = random.Random(seed)

    def times(who: str) -> str:
        spent = [round(2e4 * scale[who] * (1 + abs(rng.gauss(0, 0.005)))) for _ in range(120)]
        return " ".join(f"{t + 3}:{t}" for t in spent)

    return ErrorRateRun(
        turns={who: times(who) for who in TRUE},
        sequential={
            who: [2e-3 * TRUE[who] * drift * (1 + rng.gauss(0, 0.005)) for _ in range(60)]
            for who, drift in zip(TRUE, (1, 1.03, 0.97, 1.04), strict=True)
        },
        overhead={
            "empty": [(1e-7 + loop_s, 1e-7)] * 5,
            "call": [(1e-4 * (1 + rng.gauss(0, 1e-3)), 1e-4) for _ in range(20)],
        },
    )


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The experiment's files in a folder of its own; processes are made up."""
    made, filed = [], []

    def one(seed: int) -> ErrorRateRun:
        made.append(seed)
        return trial(seed)

    monkeypatch.setattr(error_rates, "path", lambda: tmp_path / "experiment.json")
    monkeypatch.setattr(error_rates.results, "put", lambda *words: filed.append(words[1]))
    monkeypatch.setattr(error_rates.samples, "FOLDER", tmp_path / "samples")
    monkeypatch.setattr(error_rates, "one", one)
    monkeypatch.setattr(error_rates, "method_digest", lambda: "this")
    monkeypatch.setattr(error_rates, "wait_for_quiet", lambda: QUIET)
    return tmp_path, made, filed


def test_the_table_counts_what_each_method_says(place, monkeypatch):
    assert error_rates.run(trials=6) == 0
    found = Experiment.read(place[0] / "experiment.json")
    ours, *_ = table = error_rates.rows(found)
    assert [ours[who] for who in ("A/A", "+2 %", "+5 %")] == [0, 6, 6]
    naive = next(row for row in table if row["method"].startswith("one after the other, means"))
    assert naive["A/A"] == 6, "drift between blocks made in a row looks like a difference"
    view = SimpleNamespace(machines=["m"])
    monkeypatch.setattr(error_rates.results, "section_or_none", lambda *_: place[2][-1])
    page = error_rates.page(view)
    assert "| 0 | 6 | 6 |" in page
    assert "+0.20 % [+0.20, +0.20]" in page


def test_it_resumes_where_it_was_stopped(place):
    error_rates.run(trials=3)
    error_rates.run(trials=5)
    assert place[1] == [0, 1, 2, 3, 4]


def test_another_way_of_measuring_begins_anew(place, monkeypatch):
    error_rates.run(trials=3)
    monkeypatch.setattr(error_rates, "method_digest", lambda: "another")
    error_rates.run(trials=2)
    assert place[1] == [0, 1, 2, 0, 1]
    assert len(Experiment.read(place[0] / "experiment.json").trials) == 2


@pytest.mark.parametrize(
    "off", [{"scale": TRUE | {"A/A": 1.04}}, {"scale": TRUE | {"+2 %": 1.0}}, {"loop_s": 3e-6}]
)
def test_a_clock_that_is_wrong_too_often_or_costs_too_much_fails(place, monkeypatch, off):
    monkeypatch.setattr(error_rates, "one", lambda seed: trial(seed, **off))
    assert error_rates.run(trials=4) == 1


def test_one_process_is_no_experiment(place):
    with pytest.raises(ValueError, match="allowed: 2 and more"):
        error_rates.run(trials=1)
