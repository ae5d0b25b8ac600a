"""A body on a true orbit in the lattice field, and the point-mass law that never reads it."""

import math
from functools import cache
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from baselines.lattice_field_v1 import engine
from baselines.lattice_field_v1.laws import invariant
from baselines.lattice_field_v1.state import axes
from groundspeed.baselines.engine import replace_stage

torch.set_num_threads(1)

CASE = engine.cases["orbit"]
MASS = CASE.bodies.mass
MIDDLE = torch.tensor([24.0, 24.0], dtype=torch.float64)
X, Y = (x - 24.0 for x in axes(CASE))


class Orbit(NamedTuple):
    """By step, at half steps, where the velocities live."""

    position: Tensor  # from the middle
    velocity: Tensor
    field_momentum: Tensor  # angular, of the field
    field_energy: Tensor


def angular_momentum(state) -> float:
    """−Σ E_t (x ∂_y − y ∂_x) E dx², of the field between its two times."""
    E_t, E = (state.E - state.E_prev) / CASE.dt, (state.E + state.E_prev) / 2
    slope = [(torch.roll(E, -1, a) - torch.roll(E, 1, a)) / (2 * CASE.dx) for a in (0, 1)]
    return float(-(E_t * (X * slope[1] - Y * slope[0])).sum()) * CASE.dx**2


def followed(moving) -> Orbit:
    state, run, rows = moving.initial(CASE), moving.runner(CASE), []
    for _ in range(CASE.steps):
        before, state = state, run(state, 1)
        rows.append(
            (
                (before.position[0] + state.position[0]) / 2 - MIDDLE,
                state.velocity[0],
                torch.tensor(angular_momentum(state)).double(),
                torch.tensor(invariant(CASE, state)).double(),
            )
        )
    return Orbit(*(torch.stack(column) for column in zip(*rows, strict=True)))


@cache
def orbit() -> Orbit:
    return followed(engine)


def turn(position: Tensor) -> Tensor:
    """Angle swept since the first row, without jumps."""
    angle = torch.atan2(position[:, 1], position[:, 0])
    steps = torch.remainder(angle.diff() + math.pi, 2 * math.pi) - math.pi
    return torch.cat([torch.zeros(1).double(), steps.cumsum(0)])


def spin(one: Orbit) -> Tensor:
    """Angular momentum of the body."""
    (x, y), (vx, vy) = one.position.T, one.velocity.T
    return MASS * (x * vy - y * vx)


def test_the_body_makes_more_than_one_turn():
    assert turn(orbit().position)[-1] > 2 * math.pi


def test_the_radius_stays_in_a_band():
    radius = orbit().position.norm(dim=1)
    assert radius.min() > 3.0
    assert radius.max() < 3.45


def test_the_period_is_that_of_the_circle():
    first = int((turn(orbit().position) >= 2 * math.pi).nonzero()[0])
    circle = 2 * math.pi * 3.367 / 0.4924
    assert first * CASE.dt == pytest.approx(circle, rel=0.05)


def test_the_start_is_inside_the_stable_radius():
    # force ∝ r exp(−r²/2s²), s² = width of E² + width of the source: κ² > 0 below 2 s
    s = math.sqrt(CASE.start.sigma**2 / 2 + CASE.bodies.width**2)
    assert 2 * s > 3.367


def test_body_and_field_keep_their_angular_momentum_together():
    body, field = spin(orbit()), orbit().field_momentum
    total = body + field
    assert body.max() / body.min() > 1.05  # the body alone does not
    assert (total.max() - total.min()) / total.mean() < 0.01


def test_body_and_field_keep_their_energy_together():
    kinetic = 0.5 * MASS * orbit().velocity.square().sum(1)
    total = kinetic + orbit().field_energy
    assert kinetic.max() - kinetic.min() > 1e-3
    assert total.max() - total.min() < 0.1 * (kinetic.max() - kinetic.min())


@pytest.mark.parametrize(("stage", "apart"), [("field", 1.0), ("sources", 0.3), ("bodies", 3.0)])
def test_leaving_out_a_stage_changes_the_orbit(stage, apart):
    def nothing(case):
        return lambda state: state

    without = followed(replace_stage(engine, **{stage: nothing})).position
    assert (without - orbit().position).norm(dim=1).max() > apart


def test_the_field_is_not_zero():
    state = engine.initial(CASE)
    assert state.E.abs().max() == pytest.approx(1.0, abs=0.1)


# ---- the point-mass law of the reference run: a formula of its own, no lattice ----

PULL, RADIUS, SPEED = 0.20, 32.0, 1.86


def flown(steps=300, dt=0.05):
    """Velocity, then position, under a = 0.20/(r² + 1) toward the centre."""
    x, y, vx, vy = RADIUS, 0.0, 0.0, SPEED
    for _ in range(steps):
        r = math.hypot(x, y)
        a = PULL / (r * r + 1)
        vx, vy = vx - dt * a * x / r, vy - dt * a * y / r
        x, y = x + dt * vx, y + dt * vy
    return x, y


# end of the independent reference run: (64, 95.98105378, 91.89514281), centre 64
def test_the_end_of_the_reference_flight_is_reproduced():
    x, y = flown()
    assert (64 + x, 64 + y) == pytest.approx((95.98105378, 91.89514281), abs=5e-9)
    assert math.hypot(x, y) == pytest.approx(42.437, abs=5e-4)


def test_the_reference_flight_is_no_orbit():
    circular = math.sqrt(PULL * RADIUS / (RADIUS**2 + 1))
    escape = math.sqrt(2 * PULL * (math.pi / 2 - math.atan(RADIUS)))
    assert circular == pytest.approx(0.079, abs=5e-4)
    assert escape == pytest.approx(0.112, abs=5e-4)
    assert 16 * escape < SPEED
    assert 15 / (2 * math.pi * RADIUS / circular) == pytest.approx(0.006, abs=5e-4)
