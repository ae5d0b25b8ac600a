"""The stages of moving bodies with the grid's coordinates made once."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from baselines.engine import Step
from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1.scheme import profile
from baselines.lattice_field_v1.state import axes

Offsets = Callable[[Tensor], tuple[Tensor, ...]]  # of every cell from a place


def offsets(case: LatticeCase, dtype: torch.dtype) -> Offsets:
    """x − X to the nearest periodic image, one [*shape] tensor per axis, as frozen.

    Each axis is a line of coordinates that broadcasts, where the frozen engine fills a grid.
    """
    lines = [line(x, axis).to(dtype) for axis, x in enumerate(axes(case))]
    extents = [n * case.dx for n in case.shape]

    def from_place(place: Tensor) -> tuple[Tensor, ...]:
        return tuple(
            torch.remainder(x - place[axis] + extent / 2, extent) - extent / 2
            for axis, (x, extent) in enumerate(zip(lines, extents, strict=True))
        )

    return from_place


def line(x: Tensor, axis: int) -> Tensor:
    """The coordinate along one axis alone, with all other axes of length 1."""
    for other in range(x.ndim):
        if other != axis:
            x = x.narrow(other, 0, 1)
    return x.contiguous()


def place_sources(case: LatticeCase) -> Step:
    """Stage: χ rebuilt from where the bodies are; the background squared is made once."""
    if case.bodies is None:
        return lambda state: state
    bodies, where = case.bodies, offsets(case, case.dtype)
    scalar = isinstance(case.chi, float)
    background = torch.tensor(case.chi, dtype=torch.float64) if scalar else case.chi.chi(case)
    background = background.to(case.dtype)
    static = (background * background).expand(case.shape).clone()

    def sources(state: LatticeState) -> LatticeState:
        squared = static
        for body in state.position:
            squared = squared + bodies.strength * profile(bodies, where(body))
        if float(squared.min()) < 0:
            raise ValueError(f"χ² falls to {float(squared.min()):.4g}; allowed: at least 0")
        return state._replace(chi=torch.sqrt(squared))

    return sources


def move_bodies(case: LatticeCase) -> Step:
    """Stage: velocity, then position, as frozen."""
    if case.bodies is None:
        return lambda state: state
    bodies, where = case.bodies, offsets(case, case.dtype)
    pull = -0.5 * bodies.strength * case.dx**case.d / bodies.width**2

    def move(state: LatticeState) -> LatticeState:
        velocity = state.velocity
        if not math.isinf(bodies.mass):
            density = state.E_prev * state.E_prev
            forces = []
            for body in state.position:
                offset = where(body)
                shape = profile(bodies, offset) * density
                forces.append(torch.stack([pull * (x * shape).sum() for x in offset]))
            velocity = velocity + (case.dt / bodies.mass) * torch.stack(forces)
        return state._replace(velocity=velocity, position=state.position + case.dt * velocity)

    return move
