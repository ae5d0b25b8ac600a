"""What is said of the tensor field without being a stage of its own: decided here."""

import threading
import warnings

import pytest
import torch
import torch.nn.functional as F

import baselines.tensor_field_v1 as v1
from baselines.tensor_field_v1.laws import LAWS
from groundspeed.baselines.engine import clone, replace
from optimizations.tensor_field_blocked.implementation import engine as blocked
from optimizations.tensor_field_combined.implementation import engine as combined

torch.set_num_threads(1)

CASES = v1.engine.cases


def noise(shape=(5, 6, 2, 2)):
    generator = torch.Generator().manual_seed(0)
    parts = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    return torch.complex(*parts)


def test_a_clamped_metric_solves_another_equation():
    T, g = noise(), torch.tensor([1e-9, 1.0], dtype=torch.float64)
    asked = v1.metric_laplacian(T, metric=g)
    clamped = v1.metric_laplacian(T, metric=g.clamp(min=1e-6))
    off = (clamped - asked).abs().max() / v1.second_difference(T, 0).abs().max()
    assert float(off) == pytest.approx(1e-6, rel=1e-2)  # a thousand times the term that was asked


def test_clamping_a_metric_lets_nan_and_infinity_pass():
    bad = torch.tensor([float("nan"), float("inf")]).clamp(min=1e-6)
    assert not bad.isfinite().any()


def test_a_warning_from_a_million_on_comes_too_late():
    case = replace(CASES["field_8"], shape=(8, 8, 2, 2), metric=(1e3, 1.0))  # far below 1e6
    end = v1.engine.runner(case)(v1.engine.initial(case), 10).T
    assert end.abs().max() > 1e6 * v1.engine.initial(case).T.abs().max()


def test_unfolding_holds_nine_copies_of_the_field():
    T = noise((6, 7, 2, 2))
    image = T.permute(2, 3, 0, 1).reshape(4, 1, 6, 7)
    patches = F.unfold(image, kernel_size=3, padding=1)
    assert patches.numel() == 9 * T.numel()
    assert patches.numel() - T.numel() > 9 * 4  # the kernels that it spares


def test_a_potential_that_may_be_absent_cannot_be_scripted_as_proposed():
    def evolution(T: torch.Tensor, V: torch.Tensor | None = None) -> torch.Tensor:
        return -0.5 * T + (V * T if V is not None else 0.0)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with pytest.raises(RuntimeError, match="float"):
            torch.jit.script(evolution)


def test_a_stack_on_a_class_is_seen_by_every_thread():
    class GeometryContext:  # as proposed
        stack: list = []  # noqa: RUF012

        def __init__(self, metric):
            self.metric = metric

        def __enter__(self):
            self.stack.append(self.metric)

        def __exit__(self, *args):
            self.stack.pop()

    seen = []
    with GeometryContext("bent"):
        other = threading.Thread(target=lambda: seen.extend(GeometryContext.stack))
        other.start()
        other.join()
    assert seen == ["bent"]


@pytest.mark.parametrize("engine", [blocked, combined], ids=["blocked", "combined"])
@pytest.mark.parametrize("name", ["axis_0", "all_terms", "kernel_well", "one_site"])
def test_taking_over_and_handing_back_between_steps_changes_nothing(engine, name):
    case = CASES[name]
    once = engine.runner(case)(v1.engine.initial(case), 4)
    state = v1.engine.initial(case)
    for _ in range(4):
        state = engine.runner(case)(state, 1)
    assert all(torch.equal(a, b) for a, b in zip(once, state, strict=True))


def test_no_step_hands_back_the_state_that_was_given():
    case = CASES["all_terms"]
    start = v1.engine.initial(case)
    before = clone(start)
    assert all(
        torch.equal(a, b) for a, b in zip(blocked.runner(case)(start, 0), before, strict=True)
    )
    blocked.runner(case)(start, 3)
    assert all(torch.equal(a, b) for a, b in zip(start, before, strict=True))


@pytest.mark.parametrize("engine", [blocked, combined], ids=["blocked", "combined"])
@pytest.mark.parametrize("name", ["axis_1", "kernel_axis_0", "two_rows", "harmonic"])
def test_planes_obey_every_law_in_double_precision(engine, name):
    case = CASES[name].truth
    run, start = engine.runner(case), v1.engine.initial(case)
    for law in LAWS:
        if law.applies(case):
            assert law.residual(case, start, run) <= law.bound, law.name
