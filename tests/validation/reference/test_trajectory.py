"""The frozen engine's own error: what its steps round, and nothing that was there before them."""

from typing import NamedTuple

import pytest
import torch

from groundspeed import baselines
from groundspeed.baselines.engine import Case, Engine, Law, Stage, replace
from groundspeed.validation.golden.decision_flips import allowed_flips
from groundspeed.validation.golden.manifest import manifest
from groundspeed.validation.reference import trajectory

torch.set_num_threads(1)
CELLS = 64
FLOAT64, FLOAT32 = (torch.finfo(dtype).eps for dtype in (torch.float64, torch.float32))


class Mixed(NamedTuple):
    """x [cells]; above [cells] bool: whether a cell is above the middle of its neighbours."""

    x: torch.Tensor
    above: torch.Tensor


def drawn(case: Case, seed: int) -> torch.Tensor:
    """Numbers made in float32 by several operations, whatever the case's type."""
    generator = torch.Generator().manual_seed(seed)
    return (3 * torch.rand(CELLS, CELLS, generator=generator) / 7 / CELLS + 0.01).to(case.dtype)


def initial(case: Case) -> Mixed:
    return Mixed(drawn(case, 1)[0] * 100, torch.zeros(CELLS, dtype=torch.bool))


def mixing(case: Case):
    weights = drawn(case, 2)

    def step(state: Mixed) -> Mixed:
        x = torch.tanh(weights @ state.x)
        return Mixed(x, x > x.roll(1))

    return step


def excess(case: Case, start: Mixed, run) -> float:
    """How far two halves of a run are from the whole: 0 but for what is rounded."""
    return float((run(run(start, 1), 1).x - run(start, 2).x).abs().max())


def third(case: Case, start: Mixed, run) -> float:
    """0 as it is written: a right answer's own residual need not be."""
    return float((start.x / 3 - start.x / 3).abs().max())


def engine(dtype: torch.dtype) -> tuple[Engine, Case]:
    case = Case(steps=4, dtype=dtype)
    law = Law("halves", "two steps are one and one", excess, 1e-15)
    stages = (Stage("mixing", mixing),)
    return Engine(
        name="mixed", cases={"c": case}, initial=initial, stages=stages, laws=(law,)
    ), case


@pytest.mark.parametrize(("dtype", "eps"), [(torch.float64, FLOAT64), (torch.float32, FLOAT32)])
def test_the_own_error_is_of_the_case_s_type_though_weights_are_drawn_in_float32(dtype, eps):
    base, case = engine(dtype)
    for row in trajectory.own_error(base, case).values():
        assert eps / 1000 < row["x"].rms < 10 * eps
        assert row["x"].largest < 20 * eps


def test_the_own_residual_of_a_law_is_too():
    """Runs are rounded at random, and so is what the law makes of them."""
    base, case = engine(torch.float64)
    found = trajectory.own_residuals(base, case, base.initial(case))
    assert 0 < found["halves"] < 20 * FLOAT64
    still = Law("still", "a third is itself", third, 1e-15)
    found = trajectory.own_residuals(replace(base, laws=(still,)), case, base.initial(case))
    assert 0 < found["still"] < 20 * FLOAT64


def test_rounded_runs_of_one_seed_are_alike_and_of_another_differ():
    base, case = engine(torch.float64)
    start = base.initial(case)
    one, again, other = (
        trajectory.rounded_run(base, case, start, [1, 4], seed)[4].x for seed in (0, 0, 1)
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_a_decision_that_rounded_weights_alone_would_move_is_not_free():
    """In float64 it is far from its level, and near for what float32 rounds."""
    case = Case(steps=1, dtype=torch.float64)
    level = drawn(case, 2)[0].sum()

    def near(case: Case):
        weights = drawn(case, 2)[0]
        far = 1e-12 * torch.arange(1, CELLS + 1)
        return lambda state: Mixed(state.x, weights.sum() - level > far)

    base = Engine(name="near", cases={}, initial=initial, stages=(Stage("near", near),))
    end = base.runner(case)(base.initial(case), 1)
    assert allowed_flips(base, case, end, Mixed._asdict)["above"] == 0


@pytest.mark.parametrize("name", ["energy_flow_v0", "energy_flow_v1"])
def test_the_sealed_errors_of_a_case_in_float64_are_of_that_size(name):
    cases = baselines.load(name).cases
    assert cases["tiny_float64"].dtype == torch.float64
    for row in manifest(name).answers["tiny_float64"].own_error.values():
        assert max(largest for _, largest, _ in row.values()) < 1e4 * FLOAT64
