"""Start and stages of the step, frozen to the last parenthesis."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from baselines.engine import Step

from .state import WEIGHTS, Bodies, LatticeCase, LatticeState, axes, symbol


def initial(case: LatticeCase) -> LatticeState:
    """The start: field now and one step earlier, mass, bodies; checked for stability.

    Raises:
        ValueError: an unstable dt, or values that are not finite.
    """
    start = tuple(case.start.at(case, t).to(case.dtype) for t in (0.0, -case.dt))
    bodies = case.bodies or Bodies((), (), 0.0, 1.0, math.inf)
    place, speed = (
        torch.tensor(rows, dtype=torch.float64).reshape(-1, case.d).to(case.dtype)
        for rows in (bodies.position, bodies.velocity)
    )
    chi = mass(case, place.double()).to(case.dtype)
    state = LatticeState(*start, chi, place, speed)
    refuse_bad_state(case, state)
    refuse_instability(case, state.chi)
    return LatticeState(*(t.to(case.device) for t in state))


def refuse_bad_state(case: LatticeCase, state: LatticeState) -> None:
    """Raise a ValueError for fields of a wrong shape or dtype, or that are not finite."""
    bodies = (len(case.bodies.position) if case.bodies else 0, case.d)
    shapes = {"E": case.shape, "E_prev": case.shape, "position": bodies, "velocity": bodies}
    for name, field in zip(state._fields, state, strict=True):
        if field.dtype != case.dtype:
            raise ValueError(f"{name} is {field.dtype}; allowed: {case.dtype}, as the case says")
        shape = tuple(field.shape)
        allowed = [shapes[name]] if name in shapes else [(), tuple(case.shape)]
        if shape not in [tuple(a) for a in allowed]:
            raise ValueError(f"{name} has shape {shape}; allowed: {' or '.join(map(str, allowed))}")
        if not torch.isfinite(field).all():
            where = tuple((~torch.isfinite(field)).nonzero()[0].tolist())
            raise ValueError(f"{name} is {field[where].item()} at {where}; allowed: finite values")


def refuse_instability(case: LatticeCase, chi: Tensor) -> None:
    """Raise a ValueError where dt² (d c² S/dx² + χ²_max) > 4; S = 4 at order 2."""
    steepest = symbol(math.pi, case.order)
    stiffness = case.d * case.c**2 * steepest / case.dx**2 + float(chi.double().square().max())
    limit = case.dt * case.dt * stiffness
    if limit > 4:
        raise ValueError(
            f"dt is {case.dt}: dt²({steepest:.4g}d·c²/dx² + χ²max) = {limit:.4g}, "
            f"allowed: at most 4; take dt ≤ {2 / math.sqrt(stiffness):.4g}"
        )


def displacement(case: LatticeCase, place: Tensor) -> tuple[Tensor, ...]:
    """x − X to the nearest periodic image, one [*shape] tensor per axis, length."""
    parts = []
    for axis, x in enumerate(axes(case)):
        extent = case.shape[axis] * case.dx
        parts.append(torch.remainder(x.to(place) - place[axis] + extent / 2, extent) - extent / 2)
    return tuple(parts)


def profile(bodies: Bodies, offset: tuple[Tensor, ...]) -> Tensor:
    """s(x − X): a Gaussian of that width, or 1 inside a ball and 0 outside, [*shape]."""
    r2 = sum(x * x for x in offset)
    if bodies.profile == "ball":
        return (r2 < bodies.width**2).to(r2.dtype)
    return torch.exp(-r2 / (2 * bodies.width**2))


def mass(case: LatticeCase, place: Tensor) -> Tensor:
    """χ of background and bodies; [] where it is one number, else [*shape], 1/time."""
    if isinstance(case.chi, float):
        background = torch.tensor(case.chi, dtype=place.dtype, device=place.device)
    else:
        background = case.chi.chi(case).to(place)
    if case.bodies is None:
        return background
    squared = (background * background).expand(case.shape).clone()
    for body in place:
        shape = profile(case.bodies, displacement(case, body))
        squared = squared + case.bodies.strength * shape
    if float(squared.min()) < 0:
        raise ValueError(f"χ² falls to {float(squared.min()):.4g}; allowed: at least 0")
    return torch.sqrt(squared)


def place_sources(case: LatticeCase) -> Step:
    """Stage: χ rebuilt over the whole grid from where the bodies are."""
    if case.bodies is None:
        return lambda state: state
    return lambda state: state._replace(chi=mass(case, state.position))


def laplacian(E: Tensor, dx: float, order: int = 2) -> Tensor:
    """Central-difference Laplacian with cyclic shifts, [*shape], 1/length² of E.

    B. Fornberg, Math. Comp. 51, 699 (1988), table 1, doi:10.1090/S0025-5718-1988-0935077-0.
    """
    centre, first, *further = WEIGHTS[order]
    total = shifted(E, 1) if first == 1 else first * shifted(E, 1)
    for reach, weight in enumerate(further, start=2):
        total = total + weight * shifted(E, reach)
    return (total + (E.ndim * centre) * E) * (1.0 / (dx * dx))


def shifted(E: Tensor, reach: int) -> Tensor:
    """Sum of the 2d neighbours at that distance along the axes, [*shape]."""
    around = torch.roll(E, reach, 0) + torch.roll(E, -reach, 0)
    for axis in range(1, E.ndim):
        around = around + torch.roll(E, reach, axis)
        around = around + torch.roll(E, -reach, axis)
    return around


def advance(case: LatticeCase) -> Step:
    """Stage: E⁺ = ((2 − γ) E − (1 − γ) E_prev) + dt² (c² L − χ² E); E becomes E_prev."""
    c2, dt2, gamma = case.c * case.c, case.dt * case.dt, case.gamma

    def field(state: LatticeState) -> LatticeState:
        E, E_prev, chi = state.E, state.E_prev, state.chi
        wave = c2 * laplacian(E, case.dx, case.order)
        inertia = (chi * chi) * E
        E_next = ((2 - gamma) * E - (1 - gamma) * E_prev) + dt2 * (wave - inertia)
        return state._replace(E=E_next, E_prev=E)

    return field


def least_bytes(case: LatticeCase) -> int:
    """Read E, read E_prev, write E⁺; and read χ where it is an array. Bytes a step."""
    fields = 3 if isinstance(case.chi, float) and case.bodies is None else 4
    return fields * math.prod(case.shape) * case.dtype.itemsize


def apply_boundary(case: LatticeCase) -> Step:
    """Stage: nothing, walls that copy their neighbour, or a layer that weakens the field."""
    if case.boundary == "periodic":
        return lambda state: state
    act = reflect if case.boundary == "reflective" else absorb

    def boundary(state: LatticeState) -> LatticeState:
        return state._replace(E=act(case, state.E.clone()))

    return boundary


def reflect(case: LatticeCase, E: Tensor) -> Tensor:
    """The outermost plane of each face takes the value of its neighbour, axis after axis."""
    for axis, n in enumerate(case.shape):
        E.select(axis, 0).copy_(E.select(axis, 1))
        E.select(axis, n - 1).copy_(E.select(axis, n - 2))
    return E


def absorb(case: LatticeCase, E: Tensor) -> Tensor:
    """An outer layer is multiplied by the factor, axis after axis: corners d times."""
    width = case.absorb_width
    for axis, n in enumerate(case.shape):
        E.narrow(axis, 0, width).mul_(case.absorb_factor)
        E.narrow(axis, n - width, width).mul_(case.absorb_factor)
    return E


def move_bodies(case: LatticeCase) -> Step:
    """Stage: velocity, then position. The force reads the field at the time of χ."""
    if case.bodies is None:
        return lambda state: state
    bodies, cell = case.bodies, case.dx**case.d

    def move(state: LatticeState) -> LatticeState:
        if math.isinf(bodies.mass):
            return state._replace(position=state.position + case.dt * state.velocity)
        density = state.E_prev * state.E_prev
        forces = []
        for body in state.position:
            offset = displacement(case, body)
            shape = profile(bodies, offset) * density
            pull = -0.5 * bodies.strength * cell / bodies.width**2
            forces.append(torch.stack([pull * (x * shape).sum() for x in offset]))
        velocity = state.velocity + (case.dt / bodies.mass) * torch.stack(forces)
        return state._replace(velocity=velocity, position=state.position + case.dt * velocity)

    return move
