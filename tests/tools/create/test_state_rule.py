"""What is state, input or output of a step, found from its calls, and stepped on from files."""

import random
from collections import deque
from pathlib import Path

import numpy as np
import pytest
import torch

from groundspeed.baselines.foreign import call_counts
from groundspeed.baselines.foreign.live_step import Live, Working
from groundspeed.baselines.foreign.sandbox import Broken, Program, Sandbox
from groundspeed.tools.create.step_capture import Capture
from groundspeed.tools.create.step_rule import rule


def recorded(step, calls, name="program:step", **more) -> dict:
    """The rule of a step function; ``calls(step)`` makes its calls."""
    capture = Capture(name, seed=0)
    calls(capture.wrap(step))
    return rule(capture, **more)


def hows(found: dict) -> dict[str, str]:
    return {f["name"]: f["how"] for f in found["step"]["fields"]}


def repeated(times: int, *given):
    return lambda step: [step(*given) for _ in range(times)]


def test_what_caller_and_step_both_change_is_given_and_compared():
    held = {"u": np.ones(4)}

    def step(state):
        state["u"] = state["u"] * 0.5

    def calls(step):
        for k in range(6):
            held["u"] = held["u"] + k
            step(held)

    found = recorded(step, calls)
    assert hows(found) == {"state_u": "input", "state_u_after": "changed"}
    assert len(found["tables"]["state_u"]) == 6


def two_levels(step):
    now, before = np.arange(5.0), np.arange(5.0) + 1
    for _ in range(6):
        now, before = step(now, before), now


def double_buffer(step):
    u, out = np.arange(5.0), np.zeros(5)
    for _ in range(6):
        step(u, out)
        u, out = out, u


def fill(u, out):
    out[:] = 0.5 * u + 1


@pytest.mark.parametrize(
    ("step", "calls", "expected"),
    [
        (lambda now, before: 2 * now - 0.9 * before, two_levels,
         {"now": "returned", "before": "carried"}),
        (fill, double_buffer, {"u": "carried", "out": "carried"}),
    ],
    ids=["leapfrog", "double buffer"],
)  # fmt: skip
def test_both_levels_of_a_scheme_are_state(step, calls, expected):
    assert hows(recorded(step, calls)) == expected


class Relax:
    """Holds what a step may hold besides arrays."""

    def __init__(self):
        self.rng, self.dice = np.random.default_rng(3), random.Random(1)
        self.table = np.zeros(3, dtype=[("x", "f8"), ("n", "i4")])
        self.sites = {(i, j): float(i - j) for i in range(2) for j in range(3)}
        self.past = deque(maxlen=3)
        self.pool = np.ones(3)

    def step(self):
        self.table["x"] += self.rng.random(3)
        self.table["n"] += 1
        for site in self.sites:
            self.sites[site] += self.dice.random()
        self.past.append(self.table["x"].copy())
        self.pool = np.append(self.pool, self.rng.random())


def test_generators_records_tuple_keys_queues_and_growing_arrays_are_state():
    relax = Relax()
    found = recorded(Relax.step, repeated(12, relax))
    names = set(hows(found))
    assert {"rng", "dice", "table_x", "table_n", "sites", "pool"} <= names
    assert {"past_0", "past_1", "past_2"} <= names
    assert found["step"]["skip"] == 3  # until the queue is full
    assert found["start"]["sites"].shape == (6,)
    assert found["fields"]["pool"].numel() > found["start"]["pool"].numel()
    assert found["left_out"] == {}


def test_two_places_of_one_object_are_one_field():
    net = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def train(net, optimizer):
        optimizer.zero_grad(set_to_none=False)
        net(torch.ones(1, 2)).sum().backward()
        optimizer.step()

    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    found = recorded(train, repeated(5, net, optimizer))
    assert {"net_weight", "net_bias"} <= set(hows(found))
    assert not [name for name in hows(found) if name.startswith("optimizer_param_groups")]


def test_where_numbers_are_not_finite_is_a_decision_of_its_own():
    masked = np.array([1.0, np.nan, 2.0])

    def step(u):
        u += 1.0

    found = recorded(step, repeated(4, masked))
    assert found["start"]["u_not_finite"].tolist() == [0, 1, 0]
    assert found["fields"]["u"].tolist() == [5.0, 0.0, 6.0]
    assert found["step"]["fixed"] == ["u_not_finite"]


def test_what_is_seen_and_not_compared_is_named_with_its_reason():
    held = {"u": np.ones(2), "big": 1 << 70, "wide": np.ones(2, np.longdouble), "log": {}}

    def step(state):
        state["u"] += 1
        state["big"] += 1
        state["log"][len(state["log"])] = np.ones(1)

    found = recorded(step, repeated(5, held), ignored={"u_unused": "never there"})
    assert set(hows(found)) == {"state_u"}
    assert "beyond 64 bits" in found["left_out"]["state_big"]
    assert "longdouble" in found["left_out"]["state_wide"] or "float128" in str(found["left_out"])
    assert any("not there at every call" in why for why in found["left_out"].values())
    with pytest.raises(Broken, match="no number that can be seen"):
        recorded(lambda u: u.__iadd__(1.0) is None, repeated(3, np.ones(2)),
                 ignored={"u": "a test", "result": "a test"})  # fmt: skip


def test_later_calls_are_kept_in_windows_whatever_the_clock_says():
    u = np.zeros(1)

    def step(u):
        u += 1

    found = recorded(step, repeated(700, u))
    assert set(found["windows"]) == {"call_256", "call_512"}
    assert found["windows"]["call_512"]["start"]["u"].item() == 512
    capture = Capture("program:step", seed=0, opening=7)
    call = capture.wrap(step)
    for _ in range(700):
        call(u)
    assert (len(capture.calls), [w[0].number for w in capture.windows]) == (7, [256, 512])


PROGRAM = """
import numpy as np
import other

class Wave:
    def __init__(self):
        self.now, self.before = np.arange(6.0), np.arange(6.0) * 0.9
        self.rng = np.random.default_rng(7)

    def step(self, force):
        new = 2 * self.now - self.before + 0.1 * other.laplacian(self.now) + force
        self.now, self.before = new, self.now
        self.now = self.now + 1e-3 * self.rng.random(6)
        return float(new.sum())

wave = Wave()
for k in range(9):
    wave.step(0.01 * k)
"""
OTHER = """
import numpy as np

SEEN = {"n": 0}

def laplacian(u):
    SEEN["n"] += 1
    laplacian.calls = getattr(laplacian, "calls", 0) + 1
    return roll(u, 1) + roll(u, -1) - 2 * u

def roll(u, by):
    return np.roll(u, by)
"""


@pytest.fixture
def program(tmp_path) -> Program:
    (tmp_path / "wave.py").write_text(PROGRAM)
    (tmp_path / "other.py").write_text(OTHER)
    return Program(kind="script", file="wave.py", paths=(".",), names=("other",))


def live(folder: Path, program: Program, found: dict, wraps: dict) -> Live:
    step = found["step"]
    return Live(Sandbox(folder, program), step, wraps, found["tables"], step["skip"])


def from_run(folder: Path, program: Program) -> dict:
    """The rule of the program's step, as `create` finds it."""
    from groundspeed.baselines.foreign.program import run
    from groundspeed.baselines.foreign.sandbox import Boundaries

    capture = Capture("wave:Wave.step", seed=0)
    run(Sandbox(folder, program), Boundaries({"wave:Wave.step": capture.wrap}), 0)
    return rule(capture)


def state_of(found: dict):
    from collections import namedtuple

    start = found["start"] | {"calls": torch.tensor(found["step"]["skip"])}
    return namedtuple("State", start)(**start)


def test_what_other_modules_and_functions_keep_is_state(tmp_path, program):
    found = from_run(tmp_path, program)
    assert {"SEEN_n", "laplacian_calls", "rng", "now", "before"} <= set(hows(found))
    assert found["step"]["skip"] == 1  # before its first call the function keeps nothing


def test_a_program_stepped_from_its_start_gives_what_was_seen(tmp_path, program):
    found = from_run(tmp_path, program)
    working = Working(state_of(found))
    one = live(tmp_path, program, found, {})
    for _ in range(found["step"]["steps"]):
        working = working.advanced(one)
    end = working.observed()._asdict()
    for name, expected in found["fields"].items():
        assert torch.equal(end[name], expected), name


def test_a_substitute_is_in_place_in_every_step_and_its_calls_are_counted(
    tmp_path, program, monkeypatch
):
    monkeypatch.setitem(call_counts.state, "counting", True)
    monkeypatch.setattr(call_counts, "calls", {})
    found = from_run(tmp_path, program)
    wraps = {"other:roll": lambda old: call_counts.counted("other:roll", lambda u, by: 0 * u)}
    plain, other = (live(tmp_path, program, found, w) for w in ({}, wraps))
    ends = []
    for one in (plain, other):
        working = Working(state_of(found)).advanced(one)
        ends.append(working.advanced(one).observed().now)
    assert not torch.equal(*ends)
    assert call_counts.calls == {"other:roll": 4}


def test_a_substitute_that_does_not_keep_what_the_function_kept_is_refused(tmp_path, program):
    found = from_run(tmp_path, program)
    forgetful = live(tmp_path, program, found, {"other:laplacian": lambda old: lambda u: 0 * u})
    with pytest.raises(Broken, match="laplacian_calls is not kept any more"):
        Working(state_of(found)).advanced(forgetful).observed()
