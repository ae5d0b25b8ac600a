"""How often a whole run of a user's program is made, where another would give the same."""

from collections import namedtuple
from pathlib import Path

import pytest
import torch

from groundspeed.baselines.foreign import external_engine
from groundspeed.baselines.foreign.external_engine import Stepper, repeated_runs_remembered
from groundspeed.baselines.foreign.sandbox import Program
from groundspeed.validation.reference.random_rounding import RandomRounding

State = namedtuple("State", "u runs")
START = State(torch.zeros(3), torch.tensor(0))
NUMPY = {"opaque": "numpy inside", "rounds": True}
TORCH = {"opaque": "", "rounds": True}


@pytest.fixture
def program(monkeypatch):
    """Whole runs, of which each gives the number of runs so far."""
    made = []

    def run_once(stepper, program, origin, number):
        made.append(number)
        return State(torch.full((3,), float(len(made))), torch.tensor(number + 1))

    monkeypatch.setattr(Stepper, "run_once", run_once)
    monkeypatch.setattr(external_engine, "unrounded", {})

    def call(origin=NUMPY, **wraps) -> float:
        stepper = Stepper(folder=Path("a_v1"), state=State, digest="1", wraps=wraps)
        return float(stepper.whole_run(Program(kind="script"), origin, START).u[0])

    return call


def test_a_run_is_made_each_time_unless_repeated_ones_agree(program):
    assert [program(), program()] == [1, 2]
    with repeated_runs_remembered():
        assert [program(), program()] == [3, 3]
        assert [program(step=abs), program(step=abs), program()] == [4, 5, 3]
    assert program() == 6


def test_random_rounding_reaches_only_what_it_can(program):
    with RandomRounding(1):
        assert [program(), program()] == [1, 1]
        assert [program(TORCH), program(TORCH)] == [2, 3]
        assert [program(step=abs), program()] == [4, 1], "what replaces a function is never it"
