"""Frozen variants are asked of every claim that they concern, and the first failure ends it."""

from dataclasses import replace

import pytest
import torch

from groundspeed import baselines
from groundspeed.baselines.engine import Engine
from groundspeed.validation.claims import Agreement
from groundspeed.validation.inputs.frozen_variants import VariantRun, frozen_variants
from groundspeed.validation.judge.variant_checks import COMPILED, SMOKE, VariantChecks
from groundspeed.validation.records.codes import Code
from groundspeed.validation.reference.case_fields import changed
from groundspeed.validation.reference.distance import Distance, floating
from groundspeed.validation.reference.trajectory import along, rounded_run
from groundspeed.validation.tiers import Coverage
from groundspeed.validation.worker.messages import Raised

EVERY = Coverage.EVERYDAY


@pytest.fixture(scope="module")
def checks() -> VariantChecks:
    torch.set_num_threads(1)
    engine = baselines.load("lattice_field_v1")
    return VariantChecks(engine, frozen_variants(engine.name)[:90])


class Here:
    """A candidate that answers in this process, or raises, on purpose or not."""

    def __init__(self, engine: Engine, refusal=lambda case: "", declined=True):
        self.engine, self.refusal, self.declined = engine, refusal, declined

    def after(self, name, state, at, changes):
        case = changed(self.engine.cases[name], changes, self.engine.cases)
        if self.refusal(case):
            raise Raised(self.refusal(case), self.declined)
        return along(self.engine, case, state, at)


def claim(checks, **more) -> Agreement:
    return Agreement(**{"engine": checks.base, "level": "exact", "because": "a test"} | more)


def forgets(engine: Engine, field: str) -> Engine:
    """The engine with one number of every case taken for 1."""
    return replace(engine, stepper=lambda case: engine.prepare(replace(case, **{field: 1.0})))


def test_the_engine_itself_passes_them_all(checks):
    for level in ("exact", "rounding"):
        result, failed = checks.check(claim(checks, level=level), Here(checks.base), EVERY)
        assert (result.broken, failed) == ("", None)
        assert result.tried + sum(result.left_out.values()) == result.frozen == 90


@pytest.mark.parametrize("level", ["exact", "rounding"])
@pytest.mark.parametrize("field", ["dx", "c"])
def test_a_number_that_is_forgotten_is_found_and_named(checks, field, level):
    wrong = Here(forgets(checks.base, field))
    result, failed = checks.check(claim(checks, level=level), wrong, EVERY)
    assert "off by" in result.broken
    assert result.broken.startswith(failed.label)
    assert result.code == {"exact": Code.BITS, "rounding": Code.VALUE}[level]
    assert result.tried < 90, "the first failure ends it"


class Rounds(Here):
    """A candidate whose every result is rounded at random, as another order of sums would."""

    def after(self, name, state, at, changes):
        case = changed(self.engine.cases[name], changes, self.engine.cases)
        return rounded_run(self.engine, case, state, at, seed=1000)


def test_a_refusal_by_few_members_is_asked_again_of_many(checks, monkeypatch):
    few = VariantChecks(checks.base, checks.frozen[:6])
    none = Distance(0.0, 0.0, 0.0)  # as if the few had seen nothing of what rounding does
    blind = property(lambda run: {n: dict.fromkeys(floating(run.want[n]), none) for n in run.at})
    monkeypatch.setattr(VariantRun, "allowed", blind, raising=False)
    rounding = claim(checks, level="rounding")
    result, failed = few.check(rounding, Rounds(checks.base), EVERY)
    assert (result.broken, failed) == ("", None)
    assert result.tried == 6
    result, failed = few.check(rounding, Here(forgets(checks.base, "dx")), EVERY)
    assert "off by" in result.broken
    assert failed is not None


def test_a_field_that_none_moves_is_named(checks):
    idle = VariantChecks(checks.base, checks.frozen[:1], ["bodies.width"])
    result, _ = idle.check(claim(checks), Here(checks.base), EVERY)
    assert "none moves bodies.width" in str(result)


def test_a_value_error_on_purpose_declines_and_any_other_error_rejects(checks):
    def walls(case):
        return "ValueError: walls; allowed: none" if case.boundary == "reflective" else ""

    result, _ = checks.check(claim(checks), Here(checks.base, walls), EVERY)
    assert result.broken == ""
    assert result.declined > 0
    assert result.declined == len(result.refusals)
    result, _ = checks.check(claim(checks), Here(checks.base, walls, declined=False), EVERY)
    assert "ValueError: walls" in result.broken
    assert result.code == Code.RAISED


def test_a_claim_of_named_cases_is_asked_only_for_what_occurs_in_them(checks):
    named = claim(checks, cases=("odd_2d", "damped"))
    asked = []

    def look(case):
        asked.append(case)
        return ""

    result, _ = checks.check(named, Here(checks.base, look), EVERY)
    assert result.left_out["the claim's cases have nothing of that kind"] > 0
    assert asked
    assert {(len(c.shape), c.order, c.boundary, c.dtype) for c in asked} == {
        (2, 2, "periodic", torch.float64)
    }


def test_few_are_tried_of_what_is_compiled_or_judged_on_few_cases(checks):
    compiled = claim(checks, engine=replace(checks.base, needs=("compiler",)))
    assert checks.check(compiled, Here(checks.base), EVERY)[0].tried == COMPILED
    assert checks.check(claim(checks), Here(checks.base), Coverage.SMALL)[0].tried == SMOKE
    other = claim(checks, level="approximate", budget={"E": 0.1})
    result, _ = checks.check(other, Here(checks.base), EVERY)
    assert (result.tried, sum(result.left_out.values())) == (0, 90)
