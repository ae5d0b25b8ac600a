"""A cell whose decision hangs on rounding has two right answers; every other cell has one."""

from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch

from groundspeed.baselines.engine import Case, Engine, Stage
from groundspeed.validation.claims import Agreement
from groundspeed.validation.judge.case_checks import CaseChecks
from groundspeed.validation.judge.case_reference import CaseReference
from groundspeed.validation.judge.compare import compare, worst_cell
from groundspeed.validation.judge.divergence import FailingRun, Search
from groundspeed.validation.judge.findings import CaseResult
from groundspeed.validation.reference.branches import (
    MOST,
    NONE,
    Branches,
    branches,
    explicable,
    on_branch,
)
from groundspeed.validation.reference.trajectory import own_error

CELLS = 4096


class Marked(NamedTuple):
    """x [cells], any; warm [cells], whether above its level; paid [cells], x where it is."""

    x: torch.Tensor
    warm: torch.Tensor
    paid: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class MarkedCase(Case):
    """Levels lie from ``-off`` to ``off`` about what the cells come to."""

    off: float = 1e-4
    dtype: torch.dtype = torch.float32


def initial(case: MarkedCase) -> Marked:
    x = 1 + torch.rand(CELLS, generator=case.generator(), dtype=case.dtype)
    return Marked(x, torch.zeros(CELLS, dtype=torch.bool), torch.zeros_like(x))


def levels(case: MarkedCase, x: torch.Tensor) -> torch.Tensor:
    return x * (1 + torch.linspace(-case.off, case.off, CELLS, dtype=x.dtype))


def marking(case: MarkedCase):
    def step(state: Marked) -> Marked:
        came_to = state.x / 3 * 3
        warm = came_to > levels(case, state.x)
        return Marked(state.x, warm, torch.where(warm, came_to, 0.0))

    return step


def rewritten(case: MarkedCase):
    """As right as the frozen step; rounds otherwise."""

    def step(state: Marked) -> Marked:
        came_to = (state.x * (1 / 7)) * 7
        warm = came_to > levels(case, state.x)
        return Marked(state.x, warm, torch.where(warm, came_to, 0.0))

    return step


CASE = MarkedCase(steps=1, seed=1, stored=True)
ENGINE = Engine(
    name="marked",
    cases={"c": CASE},
    initial=initial,
    stages=(Stage("marking", marking),),
    fixed=("x",),
)
ROUNDING = Agreement(engine=ENGINE, level="rounding", because="it rounds otherwise")


class Local:
    """A candidate in this process."""

    def __init__(self, step, change=lambda state: state):
        self.step, self.change = step, change

    def after(self, case: str, state: Marked, at: list[int], **others) -> dict[int, Marked]:
        assert at == [1]
        return {1: self.change(self.step(state))}


class Answer(NamedTuple):
    own_error: dict


def bench_of() -> CaseReference:
    """Sealed are errors of a machine on which nothing was decided otherwise."""
    torch.set_num_threads(1)
    far_off = Engine(**{**vars(ENGINE), "cases": {"c": MarkedCase(steps=1, seed=1, off=0.1)}})
    return CaseReference(ENGINE, "c", CASE, Answer(own_error(far_off, far_off.cases["c"])))


def spent(*_):
    pytest.fail("a run was spent")


def checked(bench: CaseReference, candidate: Local, claim: Agreement = ROUNDING) -> CaseResult:
    result = CaseResult()
    for check in CaseChecks(bench).comparisons(claim, candidate):
        compare(claim, result, check)
    return result


def turned(bench: CaseReference) -> torch.Tensor:
    """Cells that the rewriting decides otherwise than the frozen engine or the truth."""
    ours = rewritten(CASE)(bench.reference.start)
    frozen, true = bench.reference.states[1], bench.truth.states[1]
    return ((ours.warm != frozen.warm) | (ours.warm != true.warm)).nonzero().reshape(-1)


def changed(field: str, cell: int, change):
    def act(state: Marked) -> Marked:
        values = getattr(state, field).clone()
        values[cell] = change(values[cell])
        return state._replace(**{field: values})

    return act


def test_a_right_answer_on_another_branch_is_accepted_and_said():
    bench = bench_of()
    assert 0 < len(turned(bench)) < CELLS / 64
    result = checked(bench, Local(rewritten(CASE)))
    assert not result.broken
    assert 0 < result.otherwise["paid"] <= len(turned(bench))
    assert result.otherwise["warm"] > 0


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("warm", torch.logical_not),
        ("paid", lambda paid: 1.5 - paid),
        ("paid", lambda paid: paid * (1 + 1e-5)),
    ],
)
def test_nothing_is_gained_in_a_cell_that_rounding_does_not_decide(field, change):
    cell = CELLS - CELLS // 4 if field == "warm" else CELLS // 4  # the last ones are cold
    result = checked(bench_of(), Local(rewritten(CASE), changed(field, cell, change)))
    assert result.broken
    assert all(f"{field}[{cell}]" in line for line in result.broken)


def test_in_a_cell_that_rounding_decides_only_the_two_answers_are_right():
    bench = bench_of()
    cell = int(turned(bench)[0])
    for wrong in (0.1, float(bench.reference.start.x[cell]) * (1 + 1e-5)):
        result = checked(bench, Local(rewritten(CASE), changed("paid", cell, lambda _, w=wrong: w)))
        assert f"paid[{cell}]" in result.broken[0]


def test_what_is_filed_of_a_refusal_names_no_cell_that_rounding_decides():
    bench = bench_of()
    run = FailingRun(CASE, bench.reference.start)
    assert Search(bench, ROUNDING, Local(rewritten(CASE)), run).first_difference() is None
    cell = CELLS - CELLS // 4  # cold
    candidate = Local(rewritten(CASE), changed("warm", cell, torch.logical_not))
    found = Search(bench, ROUNDING, candidate, run).first_difference()
    assert (found.got.warm != found.want.warm).nonzero().tolist() == [[cell]]
    candidate = Local(rewritten(CASE), changed("paid", cell, lambda _: 0.5))
    found = Search(bench, ROUNDING, candidate, run).first_difference()
    assert torch.equal(found.got.warm, found.want.warm)
    assert worst_cell(found.got.paid, found.want.paid) == [cell]


def test_who_claims_every_bit_is_held_to_the_frozen_branch():
    claim = Agreement(engine=ENGINE, level="exact", because="it is the same")
    result = checked(bench_of(), Local(rewritten(CASE)), claim)
    assert result.broken[0].startswith("warm")
    assert not result.otherwise


def test_the_frozen_step_itself_needs_none():
    assert not checked(bench_of(), Local(marking(CASE))).otherwise


def test_no_run_is_spent_where_more_is_wrong_than_rounding_decides(monkeypatch):
    bench = bench_of()
    monkeypatch.setattr("groundspeed.validation.judge.case_checks.rounded_calls", spent)
    monkeypatch.setattr("groundspeed.validation.judge.branch_tracking.FollowedRun.answer", spent)
    assert checked(bench, Local(lambda s: Marked(s.x, ~marking(CASE)(s).warm, s.x))).broken
    few = int(MOST * CELLS)
    held, ours = torch.zeros(CELLS), torch.zeros(CELLS)
    ours[: few + 1] = 1.0
    assert explicable(ours, held, 0.5)
    ours[: few + 2] = 1.0
    assert not explicable(ours, held, 0.5)
    assert not explicable(held, held, 0.5)


def test_no_run_is_spent_on_a_field_that_must_come_back_untouched(monkeypatch):
    bench = bench_of()
    monkeypatch.setattr("groundspeed.validation.judge.case_checks.rounded_calls", spent)
    monkeypatch.setattr("groundspeed.validation.judge.branch_tracking.FollowedRun.answer", spent)
    result = checked(bench, Local(marking(CASE), changed("x", 7, lambda x: x + 1)))
    assert result.broken[0].startswith("x[7]")


def test_answers_of_another_shape_say_nothing():
    held = {"x": torch.zeros(3)}
    found = branches(held, [(torch.ones(2),), (torch.tensor([0.0, 1.0, 0.1]),)], {"x": 0.5})["x"]
    assert found.cells.tolist() == [1]
    assert found.values.tolist() == [1.0]
    assert on_branch(torch.ones(3), held["x"], NONE, 0.5) is held["x"]
    assert on_branch(torch.ones(3), held["x"], found, 0.5).tolist() == [0.0, 1.0, 0.0]


def test_a_cell_is_put_on_a_branch_only_if_that_is_out_of_reach_and_the_candidate_on_it():
    held = torch.zeros(4)
    found = Branches(torch.arange(4), torch.tensor([1.0, 1.0, 0.4, 1.0]))
    ours = torch.tensor([1.2, 9.0, 0.6, 0.3])  # on it, beyond it, no branch, where it was
    assert on_branch(ours, held, found, 0.5).tolist() == [1.0, 0.0, 0.0, 0.0]
