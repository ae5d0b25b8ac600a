"""What findings add up to: nothing that was not shown is called VERIFIED."""

import sys

import pytest

from baselines.lattice_field_v1 import engine
from validation import machine
from validation.claims import Agreement, described, from_description
from validation.judge.findings import CaseResult, Mutation
from validation.judge.judge import conclude, continues
from validation.judge.verdicts import Status
from validation.tiers import Coverage

CLAIM = Agreement(engine=engine, level="exact", because="it is the same")
RIGHT = CaseResult(checks=3)


def mutants(killed=(), survived=(), none=()):
    return Mutation(killed=dict.fromkeys(killed, "odd_2d: off"), survived=list(survived),
                    within_budget=[], no_mutant=list(none))  # fmt: skip


FULL = mutants(killed=["zeros"])


def test_what_an_engine_needs_may_be_any_package():
    assert machine.missing(("numba", "torch")) == []
    assert machine.missing(("no_such_package",)) == ["no_such_package: pip install no_such_package"]


def test_a_build_of_torch_for_processors_is_not_imported_to_look_for_a_gpu(monkeypatch):
    monkeypatch.setattr(machine, "version", lambda name: "2.13.0+cpu")
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it fails
    assert not machine.has_cuda()


@pytest.mark.parametrize("had", Coverage)
@pytest.mark.parametrize("asked", Coverage)
def test_a_verdict_on_few_cases_does_not_stand_for_many(had, asked):
    order = ["small", "everyday", "full"]
    assert had.includes(asked) == (order.index(had) >= order.index(asked))


@pytest.mark.parametrize(
    ("found", "mutation", "status", "words"),
    [
        ({"odd_2d": RIGHT}, FULL, Status.VERIFIED, "3 comparisons on 1 cases"),
        ({"odd_2d": RIGHT, "slab": CaseResult(otherwise={"E": 2, "n": 1})}, FULL,
         Status.VERIFIED, "on 2 cases, 3 cells as another rounding decides them, 1 of 1 mut"),
        ({}, None, Status.INCONCLUSIVE, "covers no case"),
        ({"odd_2d": RIGHT, "slab": CaseResult(unfinished="was at work for 120 s")}, FULL,
         Status.INCONCLUSIVE, "slab: was at work for 120 s"),
        ({"odd_2d": CaseResult(unfinished="late"), "slab": CaseResult(broken=["E is off"])}, None,
         Status.REJECTED, "slab: E is off"),
        ({"odd_2d": RIGHT}, mutants(survived=["zeros"]),
         Status.INCONCLUSIVE, "1 of 1 mutants survive"),
        ({"odd_2d": RIGHT}, mutants(none=["zeros"]),
         Status.INCONCLUSIVE, "no mutant changes anything"),
    ],
)  # fmt: skip
def test_what_findings_add_up_to(found, mutation, status, words):
    said, reason = conclude(CLAIM, found, mutation)
    assert said is status
    assert words in reason


def test_who_was_stopped_or_refused_is_not_asked_again():
    assert continues({"odd_2d": RIGHT})
    assert not continues({"odd_2d": RIGHT, "slab": CaseResult(unfinished="late")})
    assert not continues({"odd_2d": CaseResult(broken=["off"]), "slab": RIGHT})


def test_a_claim_crosses_the_wall_without_code():
    told = described(Agreement(engine=engine, level="approximate", because="coarse",
                               cases=("odd_2d",), budget={"E": 1e-3}))  # fmt: skip
    held = from_description(told)
    assert (held.level, held.cases, held.budget) == ("approximate", ("odd_2d",), {"E": 1e-3})
    assert [s.name for s in held.engine.stages] == [s.name for s in engine.stages]
    with pytest.raises(RuntimeError, match="holds no candidate's code"):
        held.engine.prepare(engine.cases["odd_2d"])
