"""A run that rounding has sent another way is right where each of its calls is, and only there."""

from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch

from groundspeed.baselines.engine import Case, Engine, Stage, replace
from groundspeed.validation.claims import Agreement
from groundspeed.validation.judge import branch_tracking
from groundspeed.validation.judge.case_checks import CaseChecks
from groundspeed.validation.judge.case_reference import CaseReference
from groundspeed.validation.judge.compare import compare
from groundspeed.validation.judge.divergence import FailingRun, Search
from groundspeed.validation.judge.findings import CaseResult
from groundspeed.validation.reference.trajectory import own_error

CELLS, STEPS, GIFT = 4096, 5, 0.5
QUIET = 1000  # a cell that no decision reaches


class Heat(NamedTuple):
    """x [cells], any; warm [cells], whether above its level, which its neighbour is given for."""

    x: torch.Tensor
    warm: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class HeatCase(Case):
    """Levels lie from ``-off`` to ``off`` about what the cells come to."""

    off: float = 1e-4
    dtype: torch.dtype = torch.float32


def initial(case: HeatCase) -> Heat:
    x = 1 + torch.rand(CELLS, generator=case.generator(), dtype=case.dtype)
    return Heat(x, torch.zeros(CELLS, dtype=torch.bool))


def heated(case: HeatCase, x: torch.Tensor, came_to: torch.Tensor) -> Heat:
    warm = came_to > x * (1 + torch.linspace(-case.off, case.off, CELLS, dtype=x.dtype))
    return Heat(came_to + GIFT * warm.roll(1), warm)


def heating(case: HeatCase):
    return lambda state: heated(case, state.x, state.x / 3 * 3)


def rewritten(case: HeatCase):
    """As right as the frozen step; rounds otherwise."""
    return lambda state: heated(case, state.x, (state.x * (1 / 7)) * 7)


CASE = HeatCase(steps=STEPS, seed=1, stored=True)
ENGINE = Engine(
    name="heat", cases={"c": CASE}, initial=initial, stages=(Stage("heating", heating),)
)
ROUNDING = Agreement(engine=ENGINE, level="rounding", because="it rounds otherwise")


class Local:
    """A candidate in this process; ``spoil`` (state, calls, runs asked for) has the last word."""

    def __init__(self, step, spoil=lambda state, call, run: state):
        self.step, self.spoil, self.asked = step, spoil, 0

    def after(self, case: str, state: Heat, at: list[int], **others) -> dict[int, Heat]:
        self.asked += max(at) > 1
        found = {}
        for n in range(1, max(at) + 1):
            state = self.spoil(self.step(state), n, self.asked)
            found[n] = state
        return {n: found[n] for n in at}


class Answer(NamedTuple):
    own_error: dict


def bench_of(**changes) -> CaseReference:
    """Sealed are errors of a machine on which nothing was decided otherwise."""
    torch.set_num_threads(1)
    case = replace(CASE, **changes)
    apart = replace(ENGINE, cases={"c": replace(case, off=0.1)})
    engine = replace(ENGINE, cases={"c": case})
    bench = CaseReference(engine, "c", case, Answer(own_error(apart, apart.cases["c"])))
    bench.affordable = False  # so that the sealed error is all that is allowed
    return bench


def checked(bench: CaseReference, candidate: Local) -> CaseResult:
    result = CaseResult()
    for check in CaseChecks(bench).comparisons(ROUNDING, candidate):
        compare(ROUNDING, result, check)
    return result


def moved(cell: int, by: float):
    def act(state: Heat) -> Heat:
        x = state.x.clone()
        x[cell] += by
        return state._replace(x=x)

    return act


def in_runs(call: int, change):
    """Only in runs of several calls, at one of them: a single call gives it away else."""
    return lambda state, n, run: change(state) if run and n == call else state


def test_a_run_on_a_branch_of_its_own_is_accepted_and_said():
    bench = bench_of()
    ours = Local(rewritten(CASE)).after("c", bench.reference.start, [STEPS])[STEPS]
    assert (ours.warm != bench.reference.states[STEPS].warm).any()
    far = (ours.x - bench.truth.states[STEPS].x).abs() > GIFT / 2
    assert 0 < far.sum() < CELLS / 16
    result = checked(bench, Local(rewritten(CASE)))
    assert not result.broken
    assert result.otherwise["x"] >= int(far.sum())


@pytest.mark.parametrize("call", [1, 2, 4, STEPS])
def test_a_wrong_cell_in_such_a_run_is_refused_and_named(call):
    candidate = Local(rewritten(CASE), in_runs(call, moved(QUIET, 1e-4)))
    result = checked(bench_of(), candidate)
    assert result.broken
    assert all(f"x[{QUIET}] after step " in line for line in result.broken)
    candidate = Local(rewritten(CASE), in_runs(call, moved(CELLS // 2, 1e-2)))
    assert checked(bench_of(), candidate).broken


def test_a_run_is_right_where_no_single_rounding_but_its_own_state_decides(monkeypatch):
    bench, rounded = bench_of(), branch_tracking.rounded_calls

    def at_first(base, case, start, steps):
        begins = torch.equal(start.x, bench.reference.start.x)
        return rounded(base, case, start, steps) if begins else ()

    for own, accepted in ((branch_tracking.leaps, True), (lambda *_: False, False)):
        monkeypatch.setattr(branch_tracking, "rounded_calls", at_first)
        monkeypatch.setattr(branch_tracking, "leaps", own)
        assert bool(checked(bench, Local(rewritten(CASE))).broken) != accepted


def test_a_leap_is_another_decision_or_more_than_growth():
    one = Heat(torch.tensor([1.0, 2.0]), torch.tensor([True, False]))
    for by, leapt in ((0.9, False), (1.1, True)):
        other = one._replace(x=one.x + torch.tensor([0.0, by]))
        assert branch_tracking.leaps(other, one, {"x": 0.1}) == leapt
    assert branch_tracking.leaps(one._replace(warm=~one.warm), one, {"x": 9.0})


def test_between_two_checks_a_run_may_be_off_what_it_may_be_at_the_next():
    bench = bench_of(steps=20)
    followed = branch_tracking.FollowedRun(bench, ROUNDING, Local(rewritten(CASE)))
    for n, check in ((1, 1), (3, 5), (6, 10), (20, 20)):
        assert followed.allowed(n)("x") == bench.tolerance.allowed(f"step {check}", check)("x")


@pytest.mark.parametrize("steps", [STEPS, 2 * STEPS])
@pytest.mark.parametrize(("off", "step"), [(0.1, heating), (CASE.off, rewritten)])
def test_what_adds_up_is_no_leap(off, step, steps):
    """Each call keeps to what one may be off, and after five of them the run does not; neither is
    it let pass beside cells that have leapt."""

    def drifting(state: Heat, n: int, run: int) -> Heat:
        x = state.x.clone()
        x[::32] += 1.25e-6
        return state._replace(x=x)

    bench = bench_of(off=off, steps=steps)
    result = checked(bench, Local(step(bench.case), drifting))
    assert result.broken
    assert not any("one step" in line for line in result.broken)
    assert all(int(line.split("[")[1].split("]")[0]) % 32 == 0 for line in result.broken)
    assert ("x" in result.otherwise) == (off == CASE.off)


def test_a_run_that_comes_out_otherwise_when_it_is_asked_again_is_refused():
    late = moved(QUIET, 4e-7)
    candidate = Local(rewritten(CASE), lambda state, n, run: late(state) if run > 1 else state)
    assert checked(bench_of(), candidate).broken
    candidate = Local(rewritten(CASE), lambda state, n, run: late(state) if run else state)
    assert not checked(bench_of(), candidate).broken


def test_a_run_that_is_too_long_to_follow_is_refused(monkeypatch):
    monkeypatch.setattr(branch_tracking, "WORK", 1)
    assert checked(bench_of(), Local(rewritten(CASE))).broken


def test_a_run_on_the_frozen_engines_own_branch_is_not_followed(monkeypatch):
    monkeypatch.setattr(
        branch_tracking.FollowedRun, "answer", lambda *_: pytest.fail("it was followed")
    )
    bench = bench_of()
    frozen = bench.reference.states

    def beside(state: Heat, n: int, run: int) -> Heat:
        if not run:
            return state
        return frozen[n]._replace(x=torch.nextafter(frozen[n].x, torch.zeros(CELLS)))

    every = list(range(1, STEPS + 1))
    frozen.update(Local(heating(CASE)).after("c", bench.reference.start, every))
    result = checked(bench, Local(heating(CASE), beside))
    assert not result.broken
    assert (frozen[STEPS].warm != bench.truth.states[STEPS].warm).any()


def test_a_call_from_late_in_the_run_is_traced_by_what_one_from_there_may_be_off():
    def late(state: Heat, n: int, run: int) -> Heat:
        return state if n > 1 or state.x[QUIET] < 2.5 else moved(QUIET, 2.3e-6)(state)

    bench = bench_of()
    run = FailingRun(CASE, bench.reference.start)
    candidate = Local(heating(CASE), late)
    got = candidate.after("c", bench.reference.states[4], [1])[1]
    assert got.x[QUIET] != bench.reference.states[5].x[QUIET]
    assert Search(bench, ROUNDING, candidate, run).first_difference() is None


def test_nothing_is_filed_of_such_a_run_and_of_a_wrong_one_the_wrong_cell():
    bench = bench_of()
    run = FailingRun(CASE, bench.reference.start)
    assert Search(bench, ROUNDING, Local(rewritten(CASE)), run).first_difference() is None
    candidate = Local(rewritten(CASE), in_runs(4, moved(QUIET, 1e-4)))
    found = Search(bench, ROUNDING, candidate, run).first_difference()
    assert (found.steps, found.calls) == (0, 4)
    gap = (found.got.x - found.want.x).abs()
    assert int(gap.argmax()) == QUIET
    assert int((gap > 1e-5).sum()) == 1
