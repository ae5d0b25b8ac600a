"""The step of the tensor field, its energies and hooks, and numbers known from outside.

The independent reference run: a separate complex64 program with circular padding and
exchanged axes, torch 2.13 on one CPU thread, white noise from torch's generator.
"""

import math

import pytest
import torch

import baselines.tensor_field_v0 as v0
import baselines.tensor_field_v1 as v1
from baselines.tensor_field_v1.cases import CASES, FAST, USUAL, kernel
from baselines.tensor_field_v1.diagnostics import (
    elapsed,
    energy_without_transpose,
    entropy,
    expectation_energy,
    squared_norm,
    unitarity_deviation,
)
from baselines.tensor_field_v1.scheme import collapsed, memory_weight
from groundspeed.baselines.engine import clone, replace, replace_stage

torch.set_num_threads(1)

BOTH = pytest.mark.parametrize("version", [v0, v1], ids=["v0", "v1"])
SMALL = replace(FAST, shape=(5, 6, 3, 3), dtype=torch.complex128)


def except_v0(reason):
    broken = pytest.mark.xfail(strict=True, reason=reason)
    return pytest.mark.parametrize(
        "version", [pytest.param(v0, id="v0", marks=broken), pytest.param(v1, id="v1")]
    )


def ran(case, steps, version=v1):
    engine = version.engine
    return engine.runner(case)(engine.initial(case), steps)


def norms(case, steps):
    start = v1.engine.initial(case)
    return float(squared_norm(start.T)), float(squared_norm(v1.engine.runner(case)(start, steps).T))


# ‖T‖² at the start and after 20 steps, seed 42, from the independent reference run; its
# metric (10, 1) acts on array axes 1 and 0, which is (1, 10) with the axes right.
@pytest.mark.parametrize(
    ("case", "before", "after"),
    [
        (FAST, 16523.195, 16682.090),
        (replace(FAST, metric=(1.0, 10.0)), 16523.195, 23893.956),
        (USUAL, 201398.16, 201850.61),
        (replace(USUAL, metric=(1.0, 10.0)), 201398.16, 217986.1),
    ],
    ids=["fast flat", "fast bent", "usual flat", "usual bent"],
)
def test_norms_of_the_reference_run_are_reproduced(case, before, after):
    got = norms(replace(case, seed=42), 20)
    # one unit in the last place of float32, in which the sums were taken
    assert got == pytest.approx((before, after), rel=1.2e-7 if after < 2.1e5 else 2.5e-7)


def test_the_norm_tells_the_axes_apart():
    right = norms(replace(FAST, metric=(1.0, 10.0), seed=42), 20)[1]
    wrong = norms(replace(FAST, metric=(10.0, 1.0), seed=42), 20)[1]
    assert abs(wrong / right - 1) > 1e-4


# 20.7 without the transpose, 328.0 with it: seed 0, 8 × 8 × 16 × 16, flat, at the start
def test_energies_of_the_reference_run_are_reproduced():
    T = v1.engine.initial(FAST).T
    H = v1.hamiltonian(T, hbar=FAST.hbar, m=FAST.m, metric=None)
    assert round(float(energy_without_transpose(T, H)), 1) == 20.7
    assert round(float(expectation_energy(T, H)), 1) == 328.0


def test_a_seeded_generator_draws_what_the_global_one_draws():
    torch.manual_seed(42)
    real, imaginary = torch.randn(FAST.shape), torch.randn(FAST.shape)
    T = v1.engine.initial(replace(FAST, seed=42)).T
    assert torch.equal(T, torch.complex(real, imaginary) / math.sqrt(2))


# growth of ‖T‖² in the independent reference run; its seed is not known, and seeds
# scatter by 5e-4, 1e-3 and 4 %
@pytest.mark.parametrize(
    ("case", "steps", "growth", "within"),
    [
        (replace(FAST, lambda_F=0.0), 100, 1.0515, 1e-3),
        (replace(USUAL, shape=(28, 28, 4, 4)), 400, 1.044, 1e-3),
        (replace(FAST, lambda_F=0.0, metric=(1.0, 10.0)), 200, 987.0, 40.0),
    ],
    ids=["fast", "usual", "bent"],
)
def test_growth_of_the_reference_run_is_reproduced(case, steps, growth, within):
    before, after = norms(case, steps)
    assert after / before == pytest.approx(growth, abs=within)


@pytest.mark.parametrize("metric", [None, (2.0, 1.0), (1.0, 10.0)])
def test_every_mode_of_the_spectrum_grows_by_its_own_factor(metric):
    case = replace(SMALL, shape=(6, 7, 2, 2), metric=metric, lambda_F=0.3, window=4)
    gx, gy = metric or (1.0, 1.0)
    start, steps = v1.engine.initial(case), 15
    kx, ky = (2 * math.pi * torch.fft.fftfreq(n, dtype=torch.float64) for n in (6, 7))
    lam = (gx * (2 - 2 * kx.cos())[:, None] + gy * (2 - 2 * ky.cos())[None, :]) / (2 * case.m)
    spectrum = torch.fft.fft2(start.T, dim=(0, 1))
    for n in range(steps):
        w = case.alpha * math.log(1 + min(n, 4)) * case.lambda_F
        spectrum = spectrum * (1 + 1j * case.dt * (1 - w) * lam)[:, :, None, None]
    expected = torch.fft.ifft2(spectrum, dim=(0, 1))
    torch.testing.assert_close(ran(case, steps).T, expected, rtol=0, atol=1e-13)


@BOTH
@pytest.mark.parametrize("metric", [None, (3.0, 0.5)])
def test_norm_grows_by_the_square_of_the_increment(version, metric):
    case = replace(SMALL, metric=metric)
    state, run = version.engine.initial(case), version.engine.runner(case)
    for _ in range(5):
        after = run(state, 1)
        gain = (1 - float(after.weight)) * case.dt / case.hbar**2 * after.H
        growth = float(squared_norm(after.T) - squared_norm(state.T))
        assert growth == pytest.approx(float(squared_norm(gain)), rel=1e-9)
        state = after


@BOTH
def test_the_norm_never_falls_and_the_mean_growth_is_that_of_white_noise(version):
    case = replace(FAST, lambda_F=0.0)
    before = squared_norm(version.engine.initial(case).T).double()
    after = squared_norm(ran(case, 1, version).T).double()
    edge = 0 if version is v1 else 0.2  # walls have fewer neighbours
    # 5 = (4² + 4)/4, from E|∇²T|² of white noise
    assert float(after / before - 1) == pytest.approx(5 * case.dt**2, rel=0.05 + edge)


@BOTH
@pytest.mark.parametrize("hbar", [0.03, 1.0])
def test_hbar_cancels(version, hbar):
    one, other = (ran(replace(SMALL, hbar=h), 10, version).T for h in (0.1, hbar))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-13)


def test_hbar_does_not_cancel_from_a_potential():
    case = replace(SMALL, potential=v1.Level(0.1))
    one, other = (ran(replace(case, hbar=h), 10).T for h in (0.1, 0.2))
    assert (one - other).abs().max() > 1e-3


def test_the_phase_turns_against_that_of_a_unitary_equation():
    case = replace(SMALL, shape=(8, 1, 1, 1), lambda_F=0.0, dt=1e-4)
    start = v1.engine.initial(case)
    x = torch.arange(8, dtype=torch.float64)
    T = torch.exp(1j * math.pi / 2 * x).reshape(8, 1, 1, 1)
    factor = (v1.engine.runner(case)(start._replace(T=T), 1).T / T).mean()
    assert float(factor.imag) == pytest.approx(case.dt * 2 / 2)  # λ = (2 − 2 cos π/2)/2m
    assert float(factor.real) == pytest.approx(1.0)


@BOTH
def test_kernel_cases_apply_the_hamiltonian_and_nothing_else(version):
    case = replace(CASES["kernel_axis_0"], dtype=torch.complex128)
    state = version.engine.initial(case)
    for steps in (1, 2):
        T = version.engine.runner(case)(state, steps).T
        expected = state.T
        for _ in range(steps):
            if version is v1:
                expected = v1.hamiltonian(expected, hbar=case.hbar, m=case.m, metric=case.metric)
            else:
                metric = torch.tensor(case.metric, dtype=torch.float64)
                expected = v0.hamiltonian(expected, case.hbar, case.m, metric)
        assert torch.equal(T, expected)


@pytest.mark.parametrize("metric", [None, (10.0, 1.0), (2.0,)])
def test_the_greatest_eigenvalue_of_a_kernel_case_is_one(metric):
    case = kernel(replace(SMALL, shape=(6, 4, 1, 1), metric=metric), 1)
    board = (-1.0) ** (torch.arange(6)[:, None] + torch.arange(4)[None, :])
    T = board.to(torch.complex128)[:, :, None, None]
    got = v1.hamiltonian(T, hbar=case.hbar, m=case.m, metric=metric)
    torch.testing.assert_close(got, T, rtol=0, atol=1e-14)


# ---- memory ----


def test_memory_weight_follows_its_formula_and_saturates_at_the_window():
    case = replace(SMALL, window=6)
    state, run = v1.engine.initial(case), v1.engine.runner(case)
    for step in range(10):
        state = run(state, 1)
        n = min(step, 6)
        assert float(state.weight) == pytest.approx(case.alpha * math.log(1 + n) * case.lambda_F)
        assert int(state.history) == min(step + 1, 6)
        assert int(state.count) == step + 1


@pytest.mark.parametrize(
    ("alpha", "lambda_F", "window", "most"),
    [(0.5, 0.05, 20, 0.0761), (0.4, 0.03, 10, 0.0288)],
    ids=["usual", "fast"],
)
def test_memory_weight_saturates_where_the_reference_run_does(alpha, lambda_F, window, most):
    assert round(float(memory_weight(torch.tensor(window), alpha, lambda_F)), 4) == most


def test_memory_weight_stays_between_zero_and_one():
    assert float(memory_weight(torch.tensor(0), 5.0, 5.0)) == 0
    assert float(memory_weight(torch.tensor(20), 5.0, 5.0)) == 1


def test_a_full_memory_stops_the_field():
    case = replace(SMALL, alpha=40.0, lambda_F=1.0)
    one, ten = ran(case, 1), ran(case, 10)
    assert torch.equal(one.T, ten.T)
    assert not torch.equal(one.T, v1.engine.initial(case).T)


def test_time_is_the_number_of_steps_times_dt():
    assert elapsed(FAST, ran(replace(FAST, shape=(2, 2, 1, 1)), 50)) == pytest.approx(
        0.5, abs=1e-10
    )


# ---- evidence ----


@BOTH
def test_evidence_without_a_prior_counts_for_nothing(version):
    with_it, without = (ran(replace(SMALL, evidence=e), 5, version) for e in (True, False))
    assert torch.equal(with_it.T, without.T)
    assert with_it.Lambda.abs().max() == 0


@BOTH
@pytest.mark.parametrize("evidence", [True, False])
def test_a_prior_adds_the_bayesian_term(version, evidence):
    case = replace(SMALL, prior=True, evidence=evidence)
    start = version.engine.initial(case)
    without = version.engine.runner(case)(
        start._replace(prior=start.prior.new_zeros(0, 0, 0, 0)), 1
    )
    after = version.engine.runner(case)(start, 1)
    P = start.prior
    w = torch.exp(-((P - start.evidence).abs() ** 2) / case.tau) if evidence else 1.0
    B = w * P / ((w * P.abs() ** 2).sum() + 1e-12)
    Lambda = case.lambda_QR * (B - P)
    torch.testing.assert_close(after.Lambda, Lambda, rtol=0, atol=1e-14)
    expected = without.T - 1j * case.dt / case.hbar * Lambda
    torch.testing.assert_close(after.T, expected, rtol=0, atol=1e-14)


def test_without_evidence_every_weight_is_one():
    P = v1.engine.initial(SMALL).T
    expected = P / (P.abs() ** 2).sum()
    torch.testing.assert_close(collapsed(P, None, 0.5), expected, rtol=0, atol=1e-14)


def test_a_prior_that_nothing_supports_is_left_as_it_is():
    P = v1.engine.initial(SMALL).T
    assert torch.equal(collapsed(P, P + 100, 0.5), P)
    assert torch.equal(collapsed(P * 0, None, 0.5), P * 0)


def test_a_current_is_divided_by_hbar_once():
    case = replace(SMALL, current=True)
    start, run = v1.engine.initial(case), v1.engine.runner(case)
    without = run(start._replace(current=start.current.new_zeros(0, 0, 0, 0)), 1)
    expected = without.T - 1j * case.dt / case.hbar * start.current
    torch.testing.assert_close(run(start, 1).T, expected, rtol=0, atol=1e-14)


# ---- potential ----


def test_potentials_have_their_values():
    shape = (8, 6, 2, 2)
    r2, sigma = 2.0**2 + 1.0**2, 6 / 4  # of site (6, 2), from (4, 3)
    bell = math.exp(-r2 / (2 * sigma**2))
    for kind, value in (
        (v1.Harmonic(0.3), 0.5 * 0.3 * r2),
        (v1.Well(2.0), -2.0 * bell),
        (v1.Barrier(2.0), 2.0 * bell),
        (v1.Level(0.7), 0.7),
        (v1.Level(0.0), 0.0),
    ):
        V = v1.potential(replace(SMALL, shape=shape, potential=kind))
        assert complex(V[6, 2, 0, 0]) == pytest.approx(value)
        assert torch.equal(V[:, :, 0, 0], V[:, :, 1, 1])


def test_off_diagonal_components_feel_no_potential():
    case = replace(SMALL, shape=(4, 5, 2, 3), potential=v1.Harmonic(0.3))
    V = v1.potential(case)
    diagonal = torch.eye(2, 3, dtype=torch.bool)
    assert V[:, :, ~diagonal].abs().max() == 0
    assert V[:, :, diagonal].abs().max() > 0
    with_it, without = ran(case, 3).T, ran(replace(case, potential=None), 3).T
    assert torch.equal(with_it[:, :, ~diagonal], without[:, :, ~diagonal])
    assert not torch.equal(with_it[:, :, diagonal], without[:, :, diagonal])


def test_without_a_potential_there_is_none():
    assert v1.potential(SMALL) is None


# ---- energies and other diagnostics ----


@except_v0("the dagger lacks its transpose")
def test_energy_is_the_expectation_of_the_hamiltonian(version):
    state = ran(SMALL, 1, version)
    H = version.engine.stages[0].build(SMALL)(state).H
    got = version.energy(SMALL, state._replace(H=H))
    assert float(got) == pytest.approx(float(expectation_energy(state.T, H)), rel=1e-12)


@except_v0("H is that of the T before the last step")
def test_energy_is_that_of_the_present_field(version):
    state = ran(SMALL, 1, version)
    refreshed = state._replace(H=version.engine.stages[0].build(SMALL)(state).H)
    assert float(version.energy(SMALL, state)) == float(version.energy(SMALL, refreshed))


def test_the_energy_as_found_reads_the_stale_hamiltonian():
    start = v0.engine.initial(SMALL)
    state = v0.engine.runner(SMALL)(start, 1)
    H = v0.hamiltonian(start.T, SMALL.hbar, SMALL.m)
    assert torch.equal(state.H, H)
    assert float(v0.energy(SMALL, state)) == float(energy_without_transpose(state.T, H))


def test_both_energies_agree_on_symmetric_components():
    T = v1.engine.initial(SMALL).T
    T = T + T.transpose(2, 3)
    H = v1.hamiltonian(T, hbar=0.1, m=1.0)
    one, other = energy_without_transpose(T, H), expectation_energy(T, H)
    assert float(one) == pytest.approx(float(other), rel=1e-12)


def test_energy_includes_metric_and_potential():
    case = replace(SMALL, metric=(2.0, 1.0), potential=v1.Level(0.3))
    state = v1.engine.initial(case)
    T = state.T
    kinetic = v1.hamiltonian(T, hbar=0.1, m=1.0, metric=(2.0, 1.0))
    diagonal = (T.diagonal(dim1=2, dim2=3).abs() ** 2).sum()
    expected = float(expectation_energy(T, kinetic) + 0.3 * diagonal)
    assert float(v1.energy(case, state)) == pytest.approx(expected, rel=1e-12)


def test_entropy_and_deviation_have_their_values():
    T = torch.full((2, 3, 2, 2), 2.0 + 0j)
    assert float(entropy(T, nu=0.5)) == pytest.approx(6 * 16**0.5)
    assert float(entropy(T, nu=0.0)) == 6
    assert float(unitarity_deviation(T)) == pytest.approx(3.0)


def test_white_noise_has_unit_variance():
    T = v1.engine.initial(USUAL).T
    assert float(unitarity_deviation(T)) < 5e-3
    assert float((T.real**2).mean()) == pytest.approx(0.5, abs=5e-3)


# ---- the engine as a value ----


@BOTH
@pytest.mark.parametrize("name", ["one_step", "axis_0", "all_terms", "kernel_well", "one_site"])
def test_a_step_leaves_its_input_alone(version, name):
    engine, case = version.engine, version.engine.cases[name]
    state = engine.initial(case)
    kept, step = clone(state), engine.prepare(case)
    step(state)
    assert all(torch.equal(a, b) for a, b in zip(state, kept, strict=True))


@BOTH
@pytest.mark.parametrize("name", ["axis_0", "all_terms", "kernel_axis_0"])
def test_two_runs_give_the_same_bits(version, name):
    case = version.engine.cases[name]
    one, two = (ran(case, case.steps, version) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


@BOTH
def test_the_field_stays_contiguous(version):
    assert ran(FAST, 3, version).T.is_contiguous()


def test_fixed_inputs_are_handed_back_untouched():
    case = CASES["all_terms"]
    start = v1.engine.initial(case)
    end = v1.engine.runner(case)(start, 3)
    for name in ("prior", "evidence", "current"):
        assert torch.equal(getattr(start, name), getattr(end, name))


def test_inputs_are_drawn_after_the_field_and_differ_from_it():
    state = v1.engine.initial(CASES["all_terms"])
    assert torch.equal(state.T, v1.engine.initial(replace(CASES["all_terms"], prior=False)).T)
    fields = (state.T, state.prior, state.evidence, state.current)
    assert all(not torch.equal(a, b) for i, a in enumerate(fields) for b in fields[:i])


@BOTH
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.stored])
def test_single_precision_keeps_to_its_truth(version, name):
    case = CASES[name]
    wide = case.truth
    start = version.engine.initial(wide)
    assert torch.equal(start.T, version.engine.initial(case).T.to(torch.complex128))
    single, double = ran(case, case.steps, version).T, ran(wide, case.steps, version).T
    error = (single.to(torch.complex128) - double).norm() / double.norm()
    assert error < 2e-6


def test_presets_cannot_be_changed():
    with pytest.raises(AttributeError):
        FAST.lambda_F = 0.0
    with pytest.raises(TypeError):
        FAST.metric[0] = 1.0


@pytest.mark.parametrize(
    ("stage", "wrong"),
    [
        ("memory", lambda case: lambda s: s._replace(weight=s.weight * 0)),
        ("bayesian", lambda case: lambda s: s._replace(Lambda=s.Lambda + 1e-9)),
        ("hamiltonian", lambda case: lambda s: s._replace(H=s.T * 1e-6)),
        ("advance", lambda case: lambda s: s._replace(T=s.T + 1e-9)),
    ],
)
def test_a_wrong_stage_breaks_a_law(stage, wrong):
    case = CASES["axis_0"].truth
    engine = replace_stage(v1.engine, **{stage: wrong})
    start, run = engine.initial(case), engine.runner(case)
    broken = [law for law in engine.laws if law.applies(case)]
    assert any(law.residual(case, start, run) > law.bound for law in broken)


def test_exchanged_axes_break_laws():
    case = CASES["axis_0"].truth
    start, run = v1.engine.initial(case), v1.engine.runner(replace(case, metric=(1.0, 10.0)))
    broken = {law.name for law in v1.engine.laws if law.residual(case, start, run) > law.bound}
    assert broken == {"closed form", "norm growth", "mode factor"}


def test_walls_break_the_laws_of_the_torus():
    case = CASES["unit_metric"].truth
    start, run = v1.engine.initial(case), v0.engine.runner(case)
    broken = {law.name for law in v1.engine.laws if law.residual(case, start, run) > law.bound}
    assert {"closed form", "mode factor", "mean", "translation", "uniform field"} <= broken
