"""Bad input to the tensor field is refused in a line: what was got, what is allowed."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import baselines.tensor_field_v0 as v0
import baselines.tensor_field_v1 as v1
from baselines.tensor_field_v1 import TensorCase, diagnostics, refuse_bad_state
from groundspeed.baselines.engine import replace

torch.set_num_threads(1)

QUICK = settings(deadline=None, max_examples=60)
CASE = TensorCase(steps=1, shape=(4, 5, 2, 2))
T = torch.ones((4, 5, 2, 2), dtype=torch.complex64)

OPERATORS = {
    "v0.laplacian": v0.laplacian,
    "v0.laplacian_x": v0.laplacian_x,
    "v0.laplacian_y": v0.laplacian_y,
    "v0.hamiltonian": lambda T: v0.hamiltonian(T, 0.1, 1.0),
    "v1.laplacian": v1.laplacian,
    "v1.second_difference": lambda T: v1.second_difference(T, 0),
    "v1.metric_laplacian": lambda T: v1.metric_laplacian(T, metric=(1.0, 2.0)),
    "v1.hamiltonian": lambda T: v1.hamiltonian(T, hbar=0.1, m=1.0),
    "squared_norm": diagnostics.squared_norm,
    "entropy": lambda T: diagnostics.entropy(T, nu=0.5),
    "unitarity_deviation": diagnostics.unitarity_deviation,
    "expectation_energy": lambda T: diagnostics.expectation_energy(T, T),
    "energy_without_transpose": lambda T: diagnostics.energy_without_transpose(T, T),
}
EVERY = pytest.mark.parametrize("operator", OPERATORS.values(), ids=list(OPERATORS))


@EVERY
@pytest.mark.parametrize(
    "shape", [(), (3,), (4, 5, 2), (1, 4, 5, 2, 2), (0, 5, 2, 2), (4, 5, 0, 2), (4, 5, 2, 0)]
)
def test_a_field_of_another_rank_or_extent_is_refused(operator, shape):
    with pytest.raises(ValueError, match=r"T has shape \(.*\); allowed: \[Nx, Ny, D, D_out\]"):
        operator(torch.zeros(shape, dtype=torch.complex64))


@EVERY
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64, torch.bool])
def test_a_field_of_another_dtype_is_refused(operator, dtype):
    with pytest.raises(ValueError, match="T is torch.*; allowed: torch.complex64 or"):
        operator(torch.empty((4, 5, 2, 2), dtype=dtype))


@EVERY
def test_what_is_no_tensor_is_refused(operator):
    with pytest.raises(ValueError, match="T is a list; allowed: a tensor"):
        operator([[1.0]])


@QUICK
@given(st.lists(st.integers(0, 4), max_size=6))
def test_every_shape_is_computed_or_refused(shape):
    field = torch.ones(shape, dtype=torch.complex64)
    if len(shape) == 4 and min(shape) > 0:
        assert v1.hamiltonian(field, hbar=0.1, m=1.0).shape == field.shape
        return
    with pytest.raises(ValueError, match="allowed"):
        v1.hamiltonian(field, hbar=0.1, m=1.0)


@pytest.mark.parametrize("axis", [-1, 2, "x", None])
def test_another_axis_is_refused(axis):
    with pytest.raises(ValueError, match="allowed: 0 or 1"):
        v1.second_difference(T, axis)


@QUICK
@given(st.sampled_from(["hbar", "m"]), st.floats(allow_nan=True, allow_infinity=True))
def test_physical_numbers_are_positive_and_finite(name, value):
    numbers = {"hbar": 0.1, "m": 1.0} | {name: value}
    if 0 < value < math.inf:
        assert v1.hamiltonian(T, **numbers).shape == T.shape
        return
    for H in (v1.hamiltonian, v0.hamiltonian):
        with pytest.raises(ValueError, match=f"{name} is .*; allowed: a finite number above 0"):
            H(T, **numbers)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 2, 1), (5, 4, 2, 2)])
def test_a_potential_of_another_shape_is_refused(shape):
    for H in (v1.hamiltonian, v0.hamiltonian):
        with pytest.raises(ValueError, match="V has shape .*; allowed: .*, that of T"):
            H(T, hbar=0.1, m=1.0, V=torch.zeros(shape, dtype=torch.complex64))


def test_a_potential_on_another_device_is_refused():
    with pytest.raises(ValueError, match="V is on meta; allowed: cpu, where T is"):
        v1.hamiltonian(T, hbar=0.1, m=1.0, V=T.to("meta"))


@pytest.mark.parametrize("energy", ["expectation_energy", "energy_without_transpose"])
def test_energies_of_fields_that_do_not_fit_are_refused(energy):
    with pytest.raises(ValueError, match="H has shape .*; allowed: .*, that of T"):
        getattr(diagnostics, energy)(T, T[:3])


def test_the_energy_without_transpose_needs_square_components():
    field = torch.ones((4, 5, 2, 3), dtype=torch.complex64)
    with pytest.raises(ValueError, match="D, D_out = .*; allowed: D = D_out"):
        diagnostics.energy_without_transpose(field, field)


@pytest.mark.parametrize("nu", [-0.1, math.nan, math.inf])
def test_a_bad_exponent_is_refused(nu):
    with pytest.raises(ValueError, match="nu is .*; allowed"):
        diagnostics.entropy(T, nu=nu)


BAD = {
    "steps": [0, -1],
    "window": [0],
    "dtype": [torch.float32, torch.complex32],
    "shape": [(4, 5, 2), (4, 5, 2, 2, 2), (0, 5, 2, 2), (4, 5, 2, -1), (4.0, 5, 2, 2)],
    "hbar": [0.0, -0.1, math.nan, math.inf],
    "m": [0.0, math.nan],
    "dt": [0.0, math.inf, 201.0],
    "tau": [0.0, -1.0],
    "alpha": [-0.1, math.nan],
    "lambda_F": [-0.1, math.inf],
    "lambda_QR": [-0.1, math.nan],
    "part": ["all", None],
    "metric": [[1.0, 2.0], 2.0, torch.ones(2)],
    "potential": [0.3, "well"],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values])
def test_a_bad_parameter_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is .*; allowed: "):
        replace(CASE, **{name: value})


@QUICK
@given(
    st.sampled_from(["hbar", "m", "dt", "tau", "alpha", "lambda_F", "lambda_QR"]),
    st.floats(allow_nan=True, allow_infinity=True),
)
def test_every_parameter_makes_a_case_or_a_message(name, value):
    message = ""
    try:
        case = replace(CASE, **{name: value})
    except ValueError as error:
        message = str(error)
    assert message.count("allowed") == 1 if message else math.isfinite(getattr(case, name))
    assert "\n" not in message


@pytest.mark.parametrize("kind", [v1.Harmonic, v1.Well, v1.Barrier, v1.Level])
def test_a_potential_that_is_not_finite_is_refused(kind):
    with pytest.raises(ValueError, match="potential is .*; allowed: finite values"):
        v1.potential(replace(CASE, potential=kind(math.nan)))


STATE = v1.engine.initial(replace(CASE, prior=True))
WRONG = {
    "dtype": (STATE._replace(T=STATE.T.real), "T is torch.float32; allowed: torch.complex64"),
    "shape": (
        STATE._replace(H=STATE.H[:3]),
        r"H has shape \(3, 5, 2, 2\); allowed: \(4, 5, 2, 2\)",
    ),
    "prior": (STATE._replace(prior=STATE.prior[:1]), r"prior has shape .* or \(0, 0, 0, 0\)"),
    "nan": (STATE._replace(T=STATE.T * math.nan), r"T is .*nan.* at \(0, 0, 0, 0\)"),
    "count": (STATE._replace(count=STATE.count.double()), "count is torch.float64; allowed"),
    "history": (STATE._replace(history=STATE.history - 1), "history is -1; allowed: 0 to 20"),
}


@pytest.mark.parametrize(("state", "message"), WRONG.values(), ids=list(WRONG))
def test_a_bad_state_is_refused(state, message):
    with pytest.raises(ValueError, match=message):
        refuse_bad_state(CASE, state)
    refuse_bad_state(CASE, STATE)
