"""Bad input to the lattice field is refused in a line: what was got, what is allowed."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import baselines.lattice_field_v0 as v0
import baselines.lattice_field_v1 as v1
from baselines.lattice_field_v0 import FoundCase
from baselines.lattice_field_v1 import Bodies, Gaussian, LatticeCase
from baselines.lattice_field_v1.scheme import refuse_bad_state
from groundspeed.baselines.engine import replace

torch.set_num_threads(1)

QUICK = settings(deadline=None, max_examples=60)
CASES = {
    kind: kind(steps=1, shape=(8, 9), start=Gaussian(1.0, 2.0), dt=0.1)
    for kind in (FoundCase, LatticeCase)
}
ENGINES = {FoundCase: v0.engine, LatticeCase: v1.engine}
BOTH = pytest.mark.parametrize("kind", [FoundCase, LatticeCase], ids=["v0", "v1"])

BAD = {
    "steps": [0, -3],
    "dtype": [torch.float16, torch.complex64, torch.int64],
    "order": [0, 1, 3, 8],
    "shape": [(8,), (8, 8, 8, 8), (8, 2), (0, 8)],
    "dt": [0.0, -0.1, math.nan, math.inf],
    "dx": [0.0, math.nan],
    "c": [-1.0, math.inf],
    "gamma": [-0.1, 1.0, math.nan],
    "boundary": ["open", None],
    "absorb_width": [0, 5],
    "absorb_factor": [-0.1, 1.1, math.nan],
}


@BOTH
@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values])
def test_a_bad_parameter_is_refused(kind, name, value):
    with pytest.raises(ValueError, match=f"{name} is .*; allowed: "):
        replace(CASES[kind], **{name: value})


@BOTH
@QUICK
@given(
    name=st.sampled_from(["dt", "dx", "c", "gamma", "chi", "absorb_factor"]),
    value=st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-9)
    | st.sampled_from([math.nan, math.inf, -math.inf]),
)
def test_every_number_gives_a_run_or_a_message(kind, name, value):
    message, end = "", None
    try:
        case = replace(CASES[kind], **{name: value})
        end = ENGINES[kind].runner(case)(ENGINES[kind].initial(case), 1)
    except ValueError as error:
        message = str(error)
    assert (end is not None) or "allowed" in message
    assert "\n" not in message
    assert end is None or end.E.isfinite().all()


@BOTH
def test_a_step_beyond_all_bounds_is_refused(kind):
    with pytest.raises(ValueError, match="dt is 1e"):
        ENGINES[kind].initial(replace(CASES[kind], dt=1e200))


@BOTH
@pytest.mark.parametrize("chi", [math.nan, math.inf])
def test_a_mass_that_is_not_finite_is_refused(kind, chi):
    with pytest.raises(ValueError, match=r"chi is (nan|inf) at \(\); allowed: finite values"):
        ENGINES[kind].initial(replace(CASES[kind], chi=chi))


@pytest.mark.parametrize(
    ("bodies", "message"),
    [
        (Bodies(((1.0,),), ((0.0, 0.0),), 0.1, 1.0, 1.0), "position is .* 2 numbers"),
        (Bodies(((1.0, 1.0),), (), 0.1, 1.0, 1.0), "velocity is .* 2 numbers"),
        (Bodies(((1.0, 1.0),), ((0.0, 0.0),), 0.1, 0.0, 1.0), "width 0.0; allowed"),
        (Bodies(((1.0, 1.0),), ((0.0, 0.0),), 0.1, 1.0, -1.0), "mass -1.0, .*allowed"),
        (Bodies(((1.0, 1.0),), ((0.0, 0.0),), 0.1, 1.0, 1.0, "cube"), "profile is 'cube'"),
        (Bodies(((1.0, 1.0),), ((0.0, 0.0),), 0.1, 1.0, 1.0, "ball"), "ball of mass 1.0"),
    ],
)
def test_bad_bodies_are_refused(bodies, message):
    with pytest.raises(ValueError, match=message):
        replace(CASES[LatticeCase], bodies=bodies)


def test_a_source_that_makes_the_mass_imaginary_is_refused():
    sink = Bodies(((4.0, 4.0),), ((0.0, 0.0),), -1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="χ² falls to -.*; allowed: at least 0"):
        v1.engine.initial(replace(CASES[LatticeCase], bodies=sink))


STATE = v1.engine.initial(CASES[LatticeCase])
WRONG = {
    "dtype": (STATE._replace(E=STATE.E.float()), "E is torch.float32; allowed: torch.float64"),
    "shape": (STATE._replace(E_prev=STATE.E[:3]), r"E_prev has shape \(3, 9\); allowed: \(8, 9\)"),
    "nan": (STATE._replace(E=STATE.E * math.nan), r"E is nan at \(0, 0\); allowed: finite values"),
    "mass": (STATE._replace(chi=STATE.E[:2]), r"chi has shape \(2, 9\); allowed: \(\) or \(8, 9\)"),
    "body": (STATE._replace(position=STATE.E), r"position has shape .*; allowed: \(0, 2\)"),
}


@pytest.mark.parametrize(("state", "message"), WRONG.values(), ids=list(WRONG))
def test_a_bad_state_is_refused(state, message):
    with pytest.raises(ValueError, match=message):
        refuse_bad_state(CASES[LatticeCase], state)
    refuse_bad_state(CASES[LatticeCase], STATE)
