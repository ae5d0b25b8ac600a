"""What the judge hands to a candidate, and what it does not let it get away with."""

import os
import subprocess
import sys

import pytest
import torch

from baselines.lattice_field_v1 import engine as base
from groundspeed.validation.claims import Agreement
from groundspeed.validation.golden import manifest
from groundspeed.validation.inputs import variants
from groundspeed.validation.inputs.variants import Made, afforded, cost, input_variants
from groundspeed.validation.judge.case_checks import CaseChecks
from groundspeed.validation.judge.case_reference import CaseReference
from groundspeed.validation.judge.checks import run_checks
from groundspeed.validation.worker.client import Candidate
from groundspeed.validation.worker.global_state import BLOCKS, poison, with_layout

torch.set_num_threads(1)
CASE = "odd_2d"
PLANTED = """
import dataclasses
def planted(case):
    step = right.prepare(case)
    def changed(state):
        {body}
    return changed
engine = dataclasses.replace(right, stepper=planted)
"""


@pytest.fixture(scope="module")
def bench():
    answer = manifest.manifest(base.name).answers[CASE]
    return CaseReference(base, CASE, base.cases[CASE], answer)


class Spawned(Candidate):
    """A candidate of another copy of the repository, in a fresh interpreter."""

    def __init__(self, name: str, root, threads: int = 1):
        super().__init__(name, threads)
        self.root = root

    def another(self, threads: int):
        return Spawned(self.name, self.root, threads)

    def start(self) -> subprocess.Popen:
        serve = f"from validation.worker import server; server.serve({self.name!r})"
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", serve],
            cwd=self.root,
            env=os.environ | self.environment | {"PYTHONPATH": str(self.root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )


def checked(scratch, bench, body):
    scratch.plant("lattice_field_null", PLANTED.format(body=body))
    claim = Agreement(engine=base, level="exact", because="planted", cases=(CASE,))
    with Spawned("lattice_field_null", scratch.root) as candidate:
        return run_checks(CaseChecks(bench), claim, candidate)


def test_what_is_right_everywhere_is_accepted_and_what_was_tried_is_on_record(scratch, bench):
    result = checked(scratch, bench, "return step(state)")
    assert not result.broken
    assert {"strided", "offset", "zeros", "denormal", "large", "seed 1"} <= set(result.tried)
    assert any("shape" in label for label in result.tried)


def test_to_decline_another_shape_aloud_is_not_to_be_wrong(scratch, bench):
    body = "assert state.E.shape == (17, 13), 'this shape only'; return step(state)"
    result = checked(scratch, bench, body)
    assert not result.broken
    assert any("this shape only" in line for line in result.declined)


def test_trials_are_the_same_every_time(bench):
    again = list(input_variants(base, bench.reference))
    assert [t.label for t in again] == [t.label for t in CaseChecks(bench).variants]
    for one, two in zip(CaseChecks(bench).variants, again, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.start, two.start, strict=True))


def test_a_large_state_is_tried_from_fresh_starts_for_a_call_or_two(bench, monkeypatch):
    monkeypatch.setattr(variants, "SMALL", 16)
    found = list(input_variants(base, bench.reference))
    assert [(one.label, list(one.want)) for one in found] == [
        ("seed 1", [1, 2]),
        ("seed 2", [1, 2]),
    ]
    assert not any(one.optional for one in found)
    (name,) = variants.informative_cases(base, Agreement(engine=base, level="exact", because="a"))
    assert name in base.cases


@pytest.fixture
def made(monkeypatch):
    """Labels of the variants that are made meanwhile."""
    labels, make = [], variants.variant
    monkeypatch.setattr(
        variants, "variant", lambda label, *w, **k: labels.append(label) or make(label, *w, **k)
    )
    return labels


def test_trials_are_made_when_they_are_asked_for_and_once(bench, made):
    labels = [t.label for t in CaseChecks(bench).variants]
    made.clear()
    found = Made(input_variants(base, bench.reference))
    assert next(iter(found)).label == made[0] == "seed 1"
    assert len(made) == 1
    assert [t.label for t in found] == labels
    count = len(made)
    assert all(a is b for a, b in zip(found, list(found), strict=True))
    assert len(made) == count


def test_no_trial_is_made_beyond_what_envelopes_may_cost(bench, made, monkeypatch):
    found, calls = Made(input_variants(base, bench.reference)), 10
    first = next(iter(found))
    monkeypatch.setattr(variants, "WORK", 2 * cost(first, calls))
    kept = afforded(found, calls)
    assert [t.label for t in kept] == ["seed 1", "seed 2"]
    assert len(made) == 3
    monkeypatch.setattr(variants, "WORK", 1)
    (short,) = afforded(Made(input_variants(base, bench.reference)), calls)
    assert (short.label, list(short.want)) == ("seed 1", [1])


def test_what_is_compared_bit_by_bit_asks_for_no_allowance(bench, monkeypatch):
    def dear(*_):
        raise AssertionError("the frozen engine was run for an allowance that nobody needs")

    monkeypatch.setattr("groundspeed.validation.judge.case_reference.operators", dear)
    claim = Agreement(engine=base, level="exact", because="the frozen engine", cases=(CASE,))
    again = CaseReference(base, CASE, base.cases[CASE], bench.answer)
    with Candidate(f"={base.name}") as candidate:
        result = run_checks(CaseChecks(again), claim, candidate)
    assert result.checks
    assert not result.broken


@pytest.mark.parametrize("layout", ["offset", "strided"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64, torch.int64, torch.bool])
def test_another_layout_holds_the_same_values(layout, dtype):
    for shape in ((), (5,), (3, 4)):
        x = torch.ones(shape).to(dtype)
        moved = with_layout(x, layout)
        assert torch.equal(moved, x)
        assert moved.dtype == dtype
        assert layout == "offset" or moved.ndim == 0 or not moved.is_contiguous()
        assert layout == "strided" or moved.storage_offset() == 1


def test_memory_that_comes_next_is_poisoned():
    state = base.initial(base.cases[CASE])
    poison(state)
    blocks = [torch.empty_like(state.E) for _ in range(BLOCKS)]  # the allocator chooses
    assert any(block.isnan().any() for block in blocks)
