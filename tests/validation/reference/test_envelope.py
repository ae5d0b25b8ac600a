"""How far right answers may lie apart is measured, and where that says nothing is known."""

from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch

from groundspeed.baselines.engine import replace
from groundspeed.validation.calibration import heat, lorenz96
from groundspeed.validation.judge.compare import Check, finding
from groundspeed.validation.judge.distributions import unlike
from groundspeed.validation.judge.findings import Finding
from groundspeed.validation.reference.allowance import FEW, LUCK, Allowance
from groundspeed.validation.reference.distance import ZERO, Distance, distance, least
from groundspeed.validation.reference.envelope import envelope, perturbed, ulp
from groundspeed.validation.reference.trajectory import along

torch.set_num_threads(1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64])
def test_every_number_moves_by_one_unit_in_the_last_place_and_zero_stays(dtype):
    x = torch.randn(1000, generator=torch.Generator().manual_seed(1), dtype=dtype)
    x[3] = 0
    moved = ulp(x, torch.Generator().manual_seed(2))
    real = torch.view_as_real(x) if x.is_complex() else x
    other = torch.view_as_real(moved) if x.is_complex() else moved
    eps = torch.finfo(real.dtype).eps
    assert torch.equal(real == other, real == 0)
    assert ((real - other).abs() <= eps * real.abs()).all()
    ups = (other > real).double().mean()
    assert 0.4 < ups < 0.6


def test_whole_numbers_and_still_fields_are_not_perturbed():
    state = heat.Ring(torch.arange(5))
    assert torch.equal(perturbed(state, 1).x, state.x)
    state = heat.Ring(torch.rand(5))
    assert torch.equal(perturbed(state, 1, still=("x",)).x, state.x)


def measured(toy, at, members=4):
    base = toy.engine(at[-1], 0)
    case = next(iter(base.cases.values()))
    start = base.initial(case)
    states = along(base, case, start, at)
    wide = type(start)(start.x.double())
    true = along(base, case.truth, wide, at)
    return envelope(base, case, start, states, true, (), members, 0)


def test_a_chaotic_system_has_a_horizon_and_a_contractive_one_has_none():
    assert measured(lorenz96, [100, 500, 1400]).horizon["x"] == 1400
    assert measured(heat, [10, 200]).horizon["x"] is None


def test_the_envelope_of_chaos_grows_and_that_of_contraction_does_not():
    chaos = measured(lorenz96, [10, 400]).allowed
    assert chaos[400]["x"].rms > 20 * chaos[10]["x"].rms
    calm = measured(heat, [10, 400]).allowed
    assert calm[400]["x"].rms < calm[10]["x"].rms


def ensemble(seed, shift=0.0):
    draws = torch.randn(16, 500, generator=torch.Generator().manual_seed(seed))
    return [heat.Ring(row + shift) for row in draws]


def test_ensembles_of_one_law_are_alike_and_a_shifted_one_is_not():
    assert unlike(ensemble(1), ensemble(2), "x") > 0.01
    assert unlike(ensemble(1), ensemble(2, 0.5), "x") < 1e-6


def test_beyond_the_horizon_another_climate_is_refused_by_its_distribution():
    """With the forcing off by a half values differ no more than right ones, the law does."""
    from groundspeed.validation.calibration.rule_table import InProcess
    from groundspeed.validation.judge.case_reference import CaseReference
    from groundspeed.validation.judge.distributions import check_distributions
    from groundspeed.validation.judge.findings import CaseResult, Power

    base = lorenz96.engine(150, 0)
    case = replace(base.cases["ring"], cells=32)
    bench = CaseReference(replace(base, cases={"ring": case}), "ring", case)
    for error, refused in ((0.0, False), (0.5, True)):
        wrong = replace(lorenz96.engine(150, 0, error=error), cases={"ring": case})
        result = CaseResult(power=Power(horizon={"x": 150}))
        check_distributions(bench, InProcess(wrong), result)
        assert bool(result.broken) is refused
        assert (result.power.distributions["x"] < 1e-4) is refused


class Sum(NamedTuple):
    total: torch.Tensor


def judged(off: int) -> Finding:
    """A frozen sum a fifth of a unit above the truth, and one so many units below the frozen."""
    truth = torch.tensor(0.1, dtype=torch.float64)
    lucky = truth.float()
    got = lucky.clone()
    for _ in range(off):
        got = torch.nextafter(got, torch.tensor(0.0))
    own = distance(lucky, truth)
    check = Check("from 0", Sum(got), Sum(lucky), lambda: Sum(truth), Allowance(lambda _: own), ())
    return finding(SimpleNamespace(level="rounding"), check, "total")


def test_a_single_number_may_lie_on_the_other_side_of_the_truth_however_near_the_frozen_one_is():
    assert judged(0).holds
    assert judged(1).holds
    assert not judged(2).holds


def test_over_many_cells_the_floor_is_one_cell_and_not_all_of_them():
    field = torch.full((4096,), 3.0)
    unit = torch.finfo(torch.float32).eps * 2
    assert least(field) == Distance(unit / 64, unit, unit / 8)
    assert least(torch.arange(3)) == least(torch.empty(0)) == ZERO
    assert least(torch.tensor([3 + 4j])).largest > 0


def unlucky(count: int, off: float, floor: float) -> Finding:
    """So many numbers, off by that many sealed errors, which lie so much below the floor."""
    sealed = Distance(1e-6, 1e-6, 1e-6)
    truth = torch.ones(count, dtype=torch.float64)
    got = truth + off * 1e-6
    check = Check(
        "from 0", Sum(got), Sum(truth + 1e-9), lambda: Sum(truth),
        Allowance(lambda _: sealed, sealed=lambda _: sealed, floor=lambda _: sealed.scaled(floor)),
        (),
    )  # fmt: skip
    return finding(SimpleNamespace(level="rounding"), check, "total")


def test_a_few_numbers_whose_sealed_errors_are_small_by_luck_are_held_to_a_floor_measured_anew():
    assert unlucky(1, 2.0, floor=3).holds
    assert not unlucky(1, 2.0, floor=1.5).holds
    assert unlucky(FEW, 2.0, floor=3).holds


def test_luck_explains_neither_many_numbers_nor_one_that_is_far_off():
    assert not unlucky(FEW + 1, 2.0, floor=100).holds
    assert not unlucky(1, 1.1 * LUCK, floor=100).holds
