"""How far from the machine's limit: ceilings, floors, and what a step must move."""

import json
from types import SimpleNamespace

import pytest
import torch

from groundspeed.tools.costs.dispatch_counter import Count, Line
from groundspeed.tools.experiments import sweep_sizes
from groundspeed.tools.records.conditions import conditions
from groundspeed.tools.roofline import model
from groundspeed.tools.roofline.model import Ceiling, Ceilings


def rows(threads: int, scale: float) -> list[Ceiling]:
    sizes = {"L1": (2**14, 100.0), "L2": (2**18, 60.0), "memory": (2**28, 10.0)}
    more = {"float32": 100.0, "float64": 50.0}
    same = {"threads": threads, "median": 1.0, "trials": 9}
    return [
        Ceiling(kind="in_place", level=level, bytes=size, best=scale * rate, **same)
        for level, (size, rate) in sizes.items()
    ] + [
        Ceiling(kind=kind, level="arithmetic", bytes=1, best=scale * rate, **same)
        for kind, rate in more.items()
    ]


@pytest.fixture
def ceilings() -> Ceilings:
    return Ceilings(made="today", conditions=conditions(), ceilings=[*rows(1, 1.0), *rows(2, 2.0)])


def test_bandwidth_is_that_of_the_working_set(ceilings):
    assert ceilings.bandwidth(2**18) == 60e9
    assert ceilings.bandwidth(2**16) == pytest.approx(80e9)  # halfway, in powers of two
    assert ceilings.bandwidth(1) == 100e9
    assert ceilings.bandwidth(2**40) == 10e9
    assert ceilings.bandwidth(2**19, threads=2) == 120e9


def test_complex_arithmetic_is_that_of_its_parts(ceilings):
    assert ceilings.arithmetic("complex64") == ceilings.arithmetic("float32") == 100e9
    assert ceilings.arithmetic("torch.float64") == 50e9


def test_the_floor_is_the_slower_of_moving_and_computing(ceilings):
    moving = model.floor(ceilings, "float64", 6_000, 2**18, 10.0)
    assert (moving.bound, moving.seconds) == ("bandwidth", pytest.approx(1e-7))
    computing = model.floor(ceilings, "float64", 6_000, 2**18, 5e6)
    assert (computing.bound, computing.seconds) == ("arithmetic", pytest.approx(1e-4))


class Counted:
    def __init__(self, **counts):
        self.baseline, self.candidate = counts, {}


def spent(flops: int, opaque: str = "", compiled: int = 0) -> Count:
    line = Line(where="a.py:1", text="", flops=flops, compiled=compiled)
    return Count(steps=2, opaque=opaque, lines=[line])


def test_least_arithmetic_leaves_out_what_cannot_be_seen():
    seen = [spent(80), spent(60), spent(0, opaque="native"), spent(2, compiled=3)]
    assert model.least_flops([Counted(a=c) for c in seen], "a") == 30
    assert model.least_flops([Counted(a=spent(0, "native"))], "a") == 0


def test_every_engine_has_sizes_and_each_is_a_case_of_it():
    from groundspeed import baselines

    for name in baselines.names():
        engine = baselines.load(name)
        here = sweep_sizes.scale(engine)
        sizes = [size for size in here.sizes if here.sizes[size][0] in engine.cases]
        assert len(sizes) >= 4, name
        first = sweep_sizes.case_at(engine, sizes[0], here.dtypes[0])
        assert str(first.dtype) == f"torch.{here.dtypes[0]}"
        assert bool(torch.isfinite(engine.initial(first)[0]).all())


def test_a_dotted_change_reaches_into_a_parameter():
    from groundspeed import baselines

    case = sweep_sizes.case_at(baselines.load("energy_flow_v1"), "300 flows", "float64")
    assert (case.capacity, case.given.count) == (300, 300)


def test_the_machine_measures_itself(monkeypatch):
    from groundspeed.tools.roofline import peaks

    monkeypatch.setattr(peaks, "TRIALS", (2, 2))
    monkeypatch.setattr(peaks, "TRIAL_S", 2e-4)
    monkeypatch.setattr(peaks, "levels", lambda: {"L1": 1 << 14, "L2": 1 << 18})
    found = peaks.measure(budget_s=0.0)
    kinds = {(c.level, c.kind) for c in found.ceilings if c.threads == 1}
    assert len(kinds) == 2 * 3 + 2
    assert all(c.trials == 2 and 0.01 < c.median <= c.best < 1e5 for c in found.ceilings)
    assert json.loads(found.model_dump_json())["ceilings"]
    profiled = peaks.measure(budget_s=0.0, profiled=2)
    assert {c.kind for c in profiled.ceilings} == {"in_place", "float32", "float64", "add"}
    assert profiled.conditions.threads == 2
    assert 1e-8 < profiled.launch_s < 1e-3


def test_a_stream_moves_what_it_is_said_to_move():
    import numpy as np

    from groundspeed.tools.roofline.peaks import copy, in_place, read

    a, b = np.arange(8.0), np.full(8, 10.0)
    in_place(a, b, 1)
    assert a.tolist() == [10.0 - i for i in range(8)]
    copy(a, b, 1)
    assert a.tolist() == b.tolist() == [10.0] * 8
    assert read(a, b, 3) == 10.0 + 3 * 80.0


@pytest.fixture
def plotted(ceilings, tmp_path, monkeypatch):
    """A roofline of two optimizations of a case, one below its floor's time and one above."""
    from groundspeed.tools.roofline import plot

    floor = model.floor(ceilings, "float64", 6_000_000, 2**22, 2e6)
    found = [
        plot.Point("a_slow", "case", floor, 20 * floor.seconds, 2 * floor.seconds),
        plot.Point("a_blocked", "case", floor, 20 * floor.seconds, floor.seconds / 2),
    ]
    view = SimpleNamespace(machines=["m"], of=lambda name: SimpleNamespace(machine="m"))
    monkeypatch.setattr(plot, "points", lambda engine, view: found)
    monkeypatch.setattr(model, "on_file", lambda on: ceilings)
    return found, plot.draw("a", tmp_path, view)


def test_a_step_may_beat_the_floor_and_is_not_clipped(plotted):
    assert [p.share for p in plotted[0]] == [pytest.approx(0.5), pytest.approx(2.0)]


def test_the_roofline_names_every_roof_and_every_contender(plotted):
    text = plotted[1].read_text()
    for name in ("a_slow", "a_blocked", "baseline, case", "L1 100 GB/s", "memory 10 GB/s"):
        assert f">{name}</text>" in text, name
    assert "float64 product, 50 Gflop/s" in text


def test_nothing_measured_draws_nothing(tmp_path, monkeypatch):
    from groundspeed.tools.roofline import plot

    monkeypatch.setattr(plot, "points", lambda engine, view: [])
    assert plot.draw("a", tmp_path, SimpleNamespace(machines=[])) is None
