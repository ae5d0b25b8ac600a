"""The scenario map: no speed without a look at the answer, no loss hidden, no gap unmarked."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest

from groundspeed import baselines
from groundspeed.baselines.engine import replace_stage
from groundspeed.tools import process
from groundspeed.tools.experiments import heatmap, sweep, sweep_sizes, sweep_worker
from groundspeed.tools.experiments.sweep import WAITING, Scenario
from groundspeed.tools.records import conditions
from groundspeed.validation import discovery
from groundspeed.validation.claims import Agreement

ASKED = {"optimization": "x", "size": "16³", "dtype": "float32", "budget_s": 0.0}
BASE = baselines.load("lattice_field_v1")


@pytest.fixture
def claimed(monkeypatch):
    """answer(engine, level): what the worker says of such an optimization."""

    def answer(engine, level="exact") -> dict:
        claim = Agreement(engine=engine, level=level, because="a test")
        monkeypatch.setattr(discovery, "claim", lambda name: claim)
        return sweep_worker.answer(ASKED)

    return answer


def shifted(by: float):
    """The lattice with E multiplied by 1 + ``by`` after each step."""
    advance = next(s for s in BASE.stages if s.name == "field").build

    def build(case):
        step = advance(case)
        return lambda state: (lambda s: s._replace(E=s.E * (1 + by)))(step(state))

    return replace_stage(BASE, field=build)


@pytest.mark.parametrize("level", ["exact", "rounding"])
def test_the_right_answer_is_timed(claimed, level):
    found = claimed(BASE, level)
    assert found["checked"] == f"2 steps, {level}"
    assert 0 < found["low"] <= found["ratio"] <= found["high"]
    assert found["rounds"] >= 5


@pytest.mark.parametrize(("level", "by"), [("exact", 1e-6), ("rounding", 1e-5)])
def test_a_wrong_answer_gets_no_number(claimed, level, by):
    found = claimed(shifted(by), level)
    assert "ratio" not in found
    assert found["reason"].startswith("computes something else here: E[")


def test_another_size_that_is_refused_says_why(claimed):
    def stepper(case):
        raise ValueError("shape is odd; allowed: even")

    found = claimed(replace(BASE, stepper=stepper))
    assert found == {"reason": "refused: ValueError: shape is odd; allowed: even"}


def test_a_worker_that_dies_leaves_a_reason(monkeypatch):
    workers, asked = {}, Scenario(optimization="x", size="1", dtype="y", threads=1, device="cpu")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    found = sweep.ask(workers, asked)
    assert found == {"reason": "the process died here: ended with 1: it said nothing"}
    assert workers == {}, "the next scenario has a new one"


@pytest.mark.parametrize("threads", [1, 2])
def test_a_worker_has_its_threads_and_the_memory_of_a_timed_process(monkeypatch, threads):
    told = {}
    asked = Scenario(optimization="x", size="1", dtype="y", threads=threads, device="cpu")

    def popen(words, **more):
        told.update(more)
        return start("/bin/false", **more)

    start = subprocess.Popen
    monkeypatch.setattr(process.subprocess, "Popen", popen)
    sweep.ask({}, asked)
    assert told["env"]["OMP_NUM_THREADS"] == told["env"]["NUMBA_NUM_THREADS"] == str(threads)
    assert told["env"].keys() >= conditions.ALLOCATOR.keys()


@pytest.fixture
def scratch_map(monkeypatch):
    """The map of one optimization, one of whose scenarios is on file."""
    monkeypatch.setattr(sweep, "rests_on", lambda name, on: ("today", ""))
    first = next(sweep.places("lattice_field_v1"))
    size, dtype, threads, device = first
    basis = sweep.bound("today", "lattice_field_v1", size, dtype)
    row = Scenario(optimization="lattice_field_buffers", size=size, dtype=dtype, threads=threads,
                   device=device, ratio=0.5, low=0.4, high=0.6, rests_on=basis)  # fmt: skip
    known = sweep.Map.of(
        [row], engine="lattice_field_v1", made="today", protocol=1,
        conditions=sweep.timing_conditions(),
    )  # fmt: skip
    assert known.scenarios == [row]
    monkeypatch.setattr(sweep, "on_file", lambda engine, on="": known)
    return lambda: sweep.today("lattice_field_v1", ["lattice_field_buffers"])


def test_what_is_not_measured_says_why(scratch_map):
    rows = scratch_map()
    assert [s.ratio for s in rows if s.ratio is not None] == [0.5]
    assert {s.reason for s in rows if s.device == "cuda"} == {"mapped on the CPU only"}
    waiting = [s for s in rows if s.reason == WAITING]
    assert len({s.size for s in waiting}) >= 4


def test_a_scenario_of_other_code_is_not_shown(scratch_map, monkeypatch):
    monkeypatch.setattr(sweep, "rests_on", lambda name, on: ("since changed", ""))
    assert all(s.ratio is None for s in scratch_map())


@pytest.mark.parametrize(("other", "shown"), [("16³", 0), ("32³", 1)])
def test_a_size_that_means_another_case_is_measured_again_and_no_other(
    scratch_map, monkeypatch, other, shown
):
    here = sweep_sizes.SCALES["lattice_field"]()
    moved = replace(here, sizes=here.sizes | {other: sweep_sizes.cube(24)})
    monkeypatch.setitem(sweep_sizes.SCALES, "lattice_field", lambda: moved)
    sweep.bound.cache_clear()
    assert sum(s.ratio is not None for s in scratch_map()) == shown
    sweep.bound.cache_clear()


def test_what_makes_many_steps_in_one_call_has_sizes_that_are_long_enough():
    base = baselines.load("lattice_field_v1")
    longest = max(
        discovery.engine(n).stride for n in discovery.names() if n.startswith("lattice_field")
    )
    long = [
        s
        for s in sweep_sizes.scale(base).sizes
        if sweep_sizes.case_at(base, s, "float64").steps > 8
    ]
    assert len(long) >= 4
    assert all(sweep_sizes.case_at(base, s, "float64").steps >= 2 * longest for s in long)


def test_a_call_of_many_steps_says_where_it_does_not_fit(monkeypatch):
    monkeypatch.setattr(sweep, "rests_on", lambda name, on: ("today", ""))
    rows = sweep.today("lattice_field_v1", ["lattice_field_wavefront_3d"])
    said = {s.size: s.reason for s in rows if s.device == "cpu"}
    assert said["16³"] == "a call makes 10 steps, 8 are mapped here"
    assert said["32³, 20 steps"] in (WAITING, "")


def test_without_a_verdict_nothing_is_shown(scratch_map, monkeypatch):
    monkeypatch.setattr(sweep, "rests_on", lambda name, on: ("", "STALE: judge changed"))
    assert {s.reason for s in scratch_map()} == {"STALE: judge changed"}


def test_no_time_measures_nothing_and_keeps_what_there_is(scratch_map):
    rows = sweep.measure("lattice_field_v1", ["lattice_field_buffers"], 0.0, lambda text: None)
    assert rows == scratch_map()


def test_the_picture_shows_losses_and_gaps(tmp_path):
    common = {"optimization": "a", "dtype": "float32", "threads": 1, "device": "cpu"}
    rows = [
        Scenario(**common, size="1", ratio=0.002),
        Scenario(**common, size="2", ratio=4.0),
        Scenario(**common, size="3", reason=WAITING),
    ]
    text = heatmap.draw("some_engine", rows, tmp_path).read_text()
    shown = re.findall(r">([^<]*)</text>", text)
    assert "500" in shown
    assert "0.25" in shown
    assert text.count("pattern id") == 1  # one hatch, for the gap


def test_a_device_on_which_nothing_was_measured_has_no_columns():
    common = {"optimization": "a", "dtype": "float32", "threads": 1}
    rows = [
        Scenario(**common, size="1", device="cpu", ratio=0.5),
        Scenario(**common, size="2", device="cpu", reason=WAITING),
        Scenario(**common, size="1", device="cuda", reason="no CUDA device here"),
    ]
    assert [(c[0], c[3]) for c in heatmap.columns(rows)] == [("cpu", "1"), ("cpu", "2")]
    rows[2].ratio = 0.1
    assert ("cuda", 1, "float32", "1") in heatmap.columns(rows)
