"""Starts beside a threshold are found, and catch who decides otherwise."""

import pytest
import torch

from groundspeed import baselines
from groundspeed.baselines.engine import replace
from groundspeed.validation.claims import Agreement
from groundspeed.validation.inputs.starts import far_ends, start_of
from groundspeed.validation.inputs.thresholds import Aim
from groundspeed.validation.inputs.variants import (
    beside_thresholds,
    informative_cases,
    input_variants,
)
from groundspeed.validation.judge.case_checks import CaseChecks
from groundspeed.validation.judge.case_reference import CaseReference
from groundspeed.validation.judge.compare import Check, compare
from groundspeed.validation.judge.findings import CaseResult
from groundspeed.validation.reference.allowance import Allowance
from groundspeed.validation.reference.envelope import same_decisions

DECIDING = [("probabilistic_field_v1", ""), ("energy_flow_v1", "tiny_steps")]


def bench_of(name, case=""):
    torch.set_num_threads(1)
    base = baselines.load(name)
    claim = Agreement(engine=base, level="exact", because="it is the same")
    case = case or informative_cases(base, claim, full=False)[0]
    return CaseReference(base, case, base.cases[case])


@pytest.mark.parametrize(("name", "case"), DECIDING)
def test_both_sides_of_a_threshold_decide_otherwise(name, case):
    bench = bench_of(name, case)
    found = dict(beside_thresholds(bench.base, bench.reference, bench.still))
    assert len(found) == 4
    step = bench.base.runner(bench.case)
    for word in ("near", "at"):
        below, above = (found[f"{side}, {word} a threshold"] for side in ("below", "above"))
        assert not same_decisions(step(below, 1), step(above, 1))


def test_an_engine_that_decides_nothing_has_none():
    bench = bench_of("tensor_field_v1")
    assert [t.label for t in CaseChecks(bench).variants if "threshold" in t.label] == []


def test_a_decision_by_a_narrower_sum_is_caught_beside_the_threshold():
    """Right on every named start, as far as its first step goes; wrong beside a threshold."""
    bench = bench_of("probabilistic_field_v1")
    claim = Agreement(engine=bench.base, level="exact", because="as it says")

    def stepper(case):
        step = bench.base.prepare(case)

        def narrow(state):
            rounded = {
                name: t.to(torch.bfloat16).to(t.dtype) if t.is_floating_point() else t
                for name, t in state._asdict().items()
            }
            decided = step(type(state)(**{k: v.clone() for k, v in rounded.items()}))
            right = step(state)
            return type(state)(
                *(
                    d if not r.is_floating_point() else r
                    for d, r in zip(decided, right, strict=True)
                )
            )

        return narrow

    wrong = replace(bench.base, stepper=stepper).runner(bench.case)
    tried = [t for t in input_variants(bench.base, bench.reference) if "threshold" in t.label]
    assert tried
    result = CaseResult()
    for trial in tried:
        n = min(trial.want)
        got = wrong(trial.start, n)
        check = Check(trial.label, got, trial.want[n], lambda t=trial, n=n: t.want[n],
                      Allowance(lambda field: None), ())  # fmt: skip
        compare(claim, result, check)
    assert result.decisions > 0


def place_at(aim: Aim, text: str):
    (place,) = (p for p in aim.here if text in p.text and p.operator != "branch")
    return place


@pytest.fixture(scope="module")
def cold() -> Aim:
    torch.set_num_threads(1)
    engine = baselines.load("probabilistic_field_v1")
    case = engine.cases["cold_62x48"]
    return Aim(engine, case, engine.initial(case))


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("bounded(R[moving] + spawn * dt, 0, BOUND)", "high"),
        ("w > METABOLISM_FROM", "false"),
        ("bool(populated.any())", "false"),
    ],
)
def test_a_start_is_found_from_which_a_limit_comes_out_otherwise(cold, text, outcome):
    place = place_at(cold, text)
    assert outcome not in cold.here[place]
    clear, *sides = (start_of(cold.engine, cold.case, recipe) for recipe in cold.at(place, outcome))
    assert outcome in cold.reached(clear)[place]
    assert [outcome in cold.reached(s)[place] for s in sides] == [False, True, False, True]


def test_two_elements_that_are_compared_are_made_equal(cold):
    place = place_at(cold, "E > PEAK")
    assert "equal" not in cold.here[place]
    equal = start_of(cold.engine, cold.case, cold.tie(place))
    assert "equal" in cold.reached(equal)[place]


def test_what_no_state_reaches_is_aimed_at_in_vain():
    engine = baselines.load("tensor_field_v1")
    case = engine.cases["one_step"]
    aim = Aim(engine, case, engine.initial(case))
    place = place_at(aim, ".clamp(0.0, 1.0)")
    assert list(aim.at(place, "low")) == []


def test_far_ends_are_the_same_each_time_and_leave_what_stands_still(cold):
    still = ("P", "w")
    one, other = (list(far_ends(cold.start, still, seed=1)) for _ in range(2))
    assert all(map(torch.equal, *pair) for pair in zip(one, other, strict=True))
    assert not [s for s in one if not (torch.equal(s.P, cold.start.P) and s.w is cold.start.w)]
    assert len({tuple(map(torch.Tensor.data_ptr, s)) for s in one}) == len(one) > 20
