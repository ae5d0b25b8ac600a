"""No question is put twice to a candidate, but those that mean to be."""

import os
from contextlib import suppress
from typing import NamedTuple

import pytest
import torch

from groundspeed import baselines
from groundspeed.baselines.engine import clone
from groundspeed.tools.selftest import judged_controls
from groundspeed.validation import discovery
from groundspeed.validation.judge import mutation_score
from groundspeed.validation.mutation import mutants, operators
from groundspeed.validation.records import digests
from groundspeed.validation.worker import forkserver
from groundspeed.validation.worker.memo import SMALL, MemoizedCandidate

ENGINE, CASE = "lattice_field_v1", "odd_2d"


class Field(NamedTuple):
    u: torch.Tensor


class Counting:
    """Answers with how often it was asked."""

    def __init__(self):
        self.asked = []

    def after(self, case, state, at, guard=False, **others):
        self.asked.append((case, tuple(at), guard, others))
        return {n: len(self.asked) for n in at}


@pytest.fixture
def state():
    engine = baselines.load(ENGINE)
    return engine.initial(engine.cases[CASE])


def test_the_same_run_from_the_same_bits_is_asked_for_once(state):
    inner = Counting()
    candidate = MemoizedCandidate(inner)
    first = candidate.after(CASE, state, [1, 2], guard=True)
    assert candidate.after(CASE, type(state)(*map(torch.clone, state)), [1, 2]) == first
    assert inner.asked == [(CASE, (1, 2), True, {})]
    moved = state._replace(E=state.E.nextafter(torch.ones(())))
    for other in ((CASE, moved, [1, 2]), (CASE, state, [1]), ("another", state, [1, 2])):
        assert candidate.after(*other) != first
    assert len(inner.asked) == 4


def test_what_is_more_than_plain_steps_is_asked_every_time(state):
    inner = Counting()
    candidate = MemoizedCandidate(inner)
    for more in (
        {"mutant": "zeros"},
        {"layout": "strided"},
        {"stages": 1},
        {"changes": {"a": 1}},
    ):
        assert candidate.after(CASE, state, [1], **more) != candidate.after(
            CASE, state, [1], **more
        )
    assert len(inner.asked) == 8


def test_large_answers_are_not_kept():
    inner = Counting()
    candidate = MemoizedCandidate(inner)
    large = (torch.zeros(SMALL + 1),)
    assert candidate.after(CASE, large, [1]) != candidate.after(CASE, large, [1])
    assert not candidate.known


def test_the_rest_of_a_candidate_is_there():
    inner = Counting()
    inner.stop = lambda: "stopped"
    assert MemoizedCandidate(inner).stop() == "stopped"


def test_mutants_share_the_right_answers_and_not_what_they_make_of_them(state):
    engine, made, right = baselines.load(ENGINE), [], mutants.Unspoiled(whole=False)
    case = engine.cases[CASE]
    frozen = engine.prepare(case)

    def step(given):
        made.append(1)
        return frozen(given)

    spoiled = {}
    for name in ("zeros", "third call wrong", "constant wrong by 1e-5"):
        _, one = mutants.mutated(name, engine, case, step, 1, {}, right)
        spoiled[name] = one(type(state)(*map(torch.clone, state)))
    assert len(made) == 1
    want = frozen(state)
    assert torch.equal(spoiled["third call wrong"].E, want.E)
    assert not torch.equal(spoiled["zeros"].E, want.E)
    assert not torch.equal(spoiled["constant wrong by 1e-5"].E, want.E)


@pytest.mark.parametrize(("whole", "runs"), [(True, 1), (False, 3)])
def test_a_large_answer_is_shared_where_one_call_is_the_whole_case(whole, runs):
    """A program that runs for a second and leaves a field: each mutant would run it again."""
    made, right = [], mutants.Unspoiled(whole)
    large = Field(torch.zeros(mutants.SMALL + 1))
    for _ in range(3):
        after = right.answer(large, lambda given: made.append(1) or Field(given.u + 1))
        assert torch.equal(after.u, large.u + 1)
    assert len(made) == runs


def test_every_kind_of_field_is_spoiled_by_the_mutant_that_writes_into_its_input():
    """An automaton has whole numbers only; without this nothing on it could be VERIFIED."""
    kinds = (torch.bool, torch.int64, torch.uint8, torch.float32, torch.complex128)
    for dtype in kinds:
        given = Field(torch.ones(3, dtype=dtype))
        after = Field(torch.zeros(3, dtype=dtype))
        right = operators.spoil_input(operators.Call(given, clone(given), after, 1, True))
        assert torch.equal(right.u, after.u)
        assert not torch.equal(given.u, torch.ones(3, dtype=dtype)), dtype


def test_a_shared_answer_is_nobodys_to_change(state):
    """It is the next call's input, and one mutant writes into that."""
    engine, right = baselines.load(ENGINE), mutants.Unspoiled(whole=False)
    case = engine.cases[CASE]
    for _ in range(2):
        for name in mutants.MUTANTS:
            step = mutants.mutated(name, engine, case, engine.prepare(case), 2, {}, right)[1]
            if name not in ("another shape", "another type"):
                step(step(type(state)(*map(torch.clone, state))))
    kept = right.answers[digests.of_state(state)]
    want = engine.prepare(case)(state)
    assert all(torch.equal(a, b) for a, b in zip(kept, want, strict=True))


def test_an_environment_is_as_it_was_afterwards(monkeypatch):
    monkeypatch.setenv("KEPT", "before")
    monkeypatch.delenv("NEW", raising=False)
    with suppress(ValueError), forkserver.environment(KEPT="x", NEW="y"):
        assert (os.environ["KEPT"], os.environ["NEW"]) == ("x", "y")
        raise ValueError
    assert os.environ["KEPT"] == "before"
    assert "NEW" not in os.environ


def test_the_mutants_yardstick_is_what_the_comparisons_were_told():
    engine, asked = baselines.load(ENGINE), []

    class Frozen:
        def after(self, case, state, at, guard=False):
            asked.append(at)
            run = engine.runner(engine.cases[case])
            return {n: run(state, n) for n in at}

    candidate, bench = MemoizedCandidate(Frozen()), judged_controls.case_checks(ENGINE, CASE)
    claim = discovery.claim("lattice_field_null")
    checks = [check.name for check in bench.comparisons(claim, candidate)]
    told = len(asked)
    assert [
        check.name for check in bench.comparisons(claim, candidate, mutation_score.CALLS)
    ] == checks
    assert told > 1
    assert len(asked) == told
