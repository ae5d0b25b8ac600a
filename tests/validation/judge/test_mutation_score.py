"""A claim is worth what its cases notice: mutants that survive are found and named."""

from copy import copy
from dataclasses import replace

import pytest
import torch

from groundspeed import baselines
from groundspeed.tools.selftest import judged_controls
from groundspeed.validation import machine
from groundspeed.validation.claims import Agreement
from groundspeed.validation.judge.case_checks import CaseChecks
from groundspeed.validation.judge.conclusions import conclude
from groundspeed.validation.judge.findings import CaseResult, Mutation
from groundspeed.validation.judge.mutation_score import Score
from groundspeed.validation.judge.verdicts import Status
from groundspeed.validation.mutation import mutants
from groundspeed.validation.records import results

ENGINE, CASE = "lattice_field_v1", "odd_2d"


def scored(claim, bench=None):
    torch.set_num_threads(1)
    score = Score(claim)
    with judged_controls.ControlClient(f"@must_accept/unchanged: {claim.engine.name}") as candidate:
        score.try_case(bench or judged_controls.case_checks(ENGINE, CASE), candidate)
    return score.result()


def claim(**others):
    return Agreement(engine=baselines.load(ENGINE), because="it", **others)


def test_all_that_apply_are_refused_under_an_exact_claim():
    found = scored(claim(level="exact"))
    assert found.survived == found.within_budget == []
    assert {"zeros", "one unit in the last place", "stale buffer", "input changed",
            "third call wrong", "drifts after a while", "float16 inside", "last step skipped",
            "without the stage field"} <= set(found.killed)  # fmt: skip
    assert "state that it was given" in found.killed["input changed"]
    assert "finite" in found.killed["not a number"]


def test_what_changes_no_bit_is_no_mutant():
    """17 × 13 cells have no axes of one length; no bodies and no walls, so no such stages."""
    found = scored(claim(level="exact"))
    assert {"axes transposed", "decision off by one", "without the stage bodies",
            "without the stage boundary"} <= set(found.no_mutant)  # fmt: skip


def test_a_wrong_constant_is_refused_under_a_rounding_claim():
    found = scored(claim(level="rounding"))
    assert found.survived == []
    assert "constant wrong by 1e-5" in found.killed
    assert "one unit in the last place" not in [*found.killed, *found.no_mutant]


APPROXIMATE = {"level": "approximate", "budget": {"E": 1e-2, "E_prev": 1e-2}}


def test_laws_refuse_what_a_declared_error_would_let_pass():
    found = scored(claim(**APPROXIMATE))
    assert found.survived == found.within_budget == []
    assert "law broken" in found.killed["constant wrong by 1e-5"]


class Lawless(CaseChecks):
    """A case without laws."""

    def __init__(self, case):
        super().__init__(copy(case.data))
        self.data.base = replace(case.data.base, laws=())


def test_within_a_declared_error_a_mutant_may_stand_and_is_named():
    found = scored(claim(**APPROXIMATE), Lawless(judged_controls.case_checks(ENGINE, CASE)))
    assert {"constant wrong by 1e-5", "float16 inside"} <= set(found.within_budget)
    assert found.survived == []
    assert {"zeros", "nothing done", "not a number"} <= set(found.killed)


class Blind(Lawless):
    """A case that compares nothing."""

    def comparisons(self, claim, candidate, most=None):
        for _ in super().comparisons(claim, candidate, most):
            yield from ()


def test_a_judge_that_looks_away_lets_them_survive():
    found = scored(claim(level="exact"), Blind(judged_controls.case_checks(ENGINE, CASE)))
    assert {"zeros", "constant wrong by 1e-5", "one unit in the last place"} <= set(found.survived)


def test_a_claim_with_a_survivor_is_not_verified():
    results = {CASE: CaseResult(checks=3)}
    hole = Mutation(killed={"zeros": "E"}, survived=["stale"], within_budget=[], no_mutant=[])
    status, reason = conclude(claim(level="exact"), results, hole)
    assert status is Status.INCONCLUSIVE
    assert "1 of 2 mutants survive (stale)" in reason
    tight = Mutation(killed={"zeros": "E"}, survived=[], within_budget=[], no_mutant=[])
    assert conclude(claim(level="exact"), results, tight)[0] is Status.VERIFIED


@pytest.mark.parametrize("name", mutants.MUTANTS)
def test_a_mutant_leaves_the_state_that_it_was_given_alone(name):
    """Else it would spoil the run that follows; the one that means to is the exception."""
    engine = baselines.load(ENGINE)
    case = engine.cases[CASE]
    start = engine.initial(case)
    before = start.E.clone()
    _, step = mutants.mutated(
        name, engine, case, engine.prepare(case), 1, {}, mutants.Unspoiled(whole=False)
    )
    step(start)
    assert torch.equal(start.E, before) is (name != "input changed")


def test_the_score_stands_in_the_verdict(scratch):
    scratch.only("lattice_field_null", (CASE,))
    assert scratch.run("validate", "lattice_field_null").returncode == 0
    record = results.read("lattice_field_null", machine.kind(), scratch.root)["verdict"]
    assert record["mutation"]["survived"] == []
    assert len(record["mutation"]["killed"]) >= 25
    assert "mutants killed" in record["reason"]
