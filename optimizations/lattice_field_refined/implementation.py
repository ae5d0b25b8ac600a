"""Mesh refinement: half the resolution wherever the field is small, within a declared error.

Other physics, and said so: where |E| is below a thousandth of its largest value when the state is
taken over, and stays so for the length of the run, every second cell is enough. Both grids keep
the same time step, far below either's stability bound.
"""

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from baselines.engine import Step
from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline
from baselines.lattice_field_v1.scheme import advance

from .grids import Box, box_around, coarsened, outer_faces, refined

SMALL = 1e-3  # of the largest value: where the coarse grid has to do


class Composite(NamedTuple):
    """Both grids at both times, the box of the fine one, and what no step changes."""

    coarse: LatticeState
    fine: Tensor
    fine_prev: Tensor
    box: Box


def covers(case: LatticeCase) -> bool:
    """Periodic 3-D grids of even sides without mass or damping."""
    plain = (case.boundary, case.order, case.gamma, case.chi) == ("periodic", 2, 0, 0)
    return plain and case.d == 3 and case.bodies is None and all(n % 2 == 0 for n in case.shape)


def adopt(case: LatticeCase, state: LatticeState, small: float = SMALL) -> Composite:
    """The box holds all that is not small and all that this can reach in the run."""
    reach = int(case.c * case.dt * case.steps / case.dx) + 2
    return on_box(state, box_around(state.E, small * float(state.E.abs().max()), reach))


def on_box(state: LatticeState, box: Box) -> Composite:
    """Every second cell, and all cells of the box."""
    coarse = state._replace(E=coarsened(state.E), E_prev=coarsened(state.E_prev))
    fine, fine_prev = (x[box.fine()].contiguous() for x in (state.E, state.E_prev))
    return Composite(coarse, fine, fine_prev, box)


def observe(_: LatticeCase, state: Composite) -> LatticeState:
    """Interpolated where the grid is coarse."""
    E, E_prev = refined(state.coarse.E), refined(state.coarse.E_prev)
    E[state.box.fine()], E_prev[state.box.fine()] = state.fine, state.fine_prev
    return state.coarse._replace(E=E, E_prev=E_prev)


def neighbours(fine: Tensor, faces: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Sum of the six neighbours of each fine cell; outside the box they come from the faces."""
    total = torch.zeros_like(fine)
    for axis, (below, above) in enumerate(faces):
        n = fine.shape[axis]
        total.narrow(axis, 1, n - 1).add_(fine.narrow(axis, 0, n - 1))
        total.narrow(axis, 0, n - 1).add_(fine.narrow(axis, 1, n - 1))
        total.select(axis, 0).add_(below)
        total.select(axis, n - 1).add_(above)
    return total


def composite(case: LatticeCase) -> Step:
    """One step of both grids.

    Raises:
        ValueError: for a case that it does not cover.
    """
    if not covers(case):
        raise ValueError(f"got {case.shape} {case.boundary}; allowed: {covers.__doc__}")
    halved = replace(case, shape=tuple(n // 2 for n in case.shape), dx=2 * case.dx)
    everywhere, factor = advance(halved), (case.c * case.dt / case.dx) ** 2

    def step(state: Composite) -> Composite:
        total = neighbours(state.fine, outer_faces(state.coarse.E, state.box))
        wave = total.add_(state.fine, alpha=-2.0 * case.d).mul_(factor)
        fine = wave.add_(state.fine, alpha=2).sub_(state.fine_prev)
        coarse = everywhere(state.coarse)
        coarse.E[state.box.coarse()] = coarsened(fine)
        return Composite(coarse, fine, state.fine, state.box)

    return step


engine = replace(baseline, stepper=composite, adopt=adopt, observe=observe)
