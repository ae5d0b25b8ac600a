"""The step as sweeps: a new count is awaited only where the physics cannot go on without it.

Four counts decide what happens next: moving cells, dark cells under nodes, populated cells,
peaked cells. Between them everything can be one sweep over the field, in place. What a sweep is
made of, torch calls on blocks, compiled graphs or native loops, is said by `Sweeps`. Where one
stage is the whole step, it is its sweep alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from baselines.engine import Step
from baselines.probabilistic_field_v0.rules import (
    CENSUS_CAP,
    CENSUS_EVERY,
    CONSUMPTION_DENSE,
    DENSITY_DENSE,
    DIFFUSION_GATE,
    FLOW_DENSE,
    PEAKS_DENSE,
    SEEDING_GATE,
)
from baselines.probabilistic_field_v0.state import adopt, decide, measure, observe
from baselines.probabilistic_field_v0.workspace import pull, push_and_seed
from baselines.probabilistic_field_v1 import FieldCase, FieldState, part, parted
from baselines.probabilistic_field_v1 import engine as baseline
from baselines.probabilistic_field_v1.rules import CORRECTED
from optimizations.probabilistic_field_cached_transfer.implementation import Diffusion

LOOK_UP, REACH = 5, 2
Turned = tuple[float, float, int]  # births, deaths, populated cells


class Sweeps(NamedTuple):
    """The parts of a step, all of them in place but for diffusion.

    Attributes:
        show: (E, R, image): the image replaces the energy of its region.
        net_flow: (E, R, P, net): fills ``net``; how many cells move.
        take: (E, net, everywhere): E + net within its caps, everywhere or in moving cells.
        advance: (E, R, net, dense, everywhere, count): flow into the rows that are not ``early``,
            then births and deaths; the sums of both rates, if counted, and how many cells are
            populated.
        populated: (R): that alone.
        decay: (E, R, everywhere): consumption and damping; how many cells are peaked.
        workspace: (state): E, w and the dark fraction after pull, push and seeding; without
            the pull where seeding is the whole step.
        metabolize: (w).
        early: the rows that ``take`` is asked for, before nodes look at them.
    """

    show: Callable[[Tensor, Tensor, Tensor], None] | None
    net_flow: Callable[[Tensor, Tensor, Tensor, Tensor], int]
    take: Callable[[Tensor, Tensor, bool], None]
    advance: Callable[[Tensor, Tensor, Tensor, bool, bool, bool], Turned]
    populated: Callable[[Tensor], int]
    decay: Callable[[Tensor, Tensor, bool], int]
    workspace: Callable[[FieldState], tuple[Tensor, Tensor, float]]
    metabolize: Callable[[Tensor], None]
    early: slice = slice(None)


def plain(case: FieldCase) -> bool:
    """Whether every node looks at a cell of its own, with room to seed above it."""
    (H, W), (h, columns) = case.shape, case.workspace
    return H - h - LOOK_UP - REACH >= 0 and columns <= W


def strip(case: FieldCase) -> slice:
    """The rows of cells that nodes look at or seed."""
    top = case.shape[0] - case.workspace[0] - LOOK_UP
    return slice(top - REACH, top + case.workspace[0] + REACH)


def frozen_workspace(case: FieldCase) -> Callable[[FieldState], tuple[Tensor, Tensor, float]]:
    """The frozen stages, for nodes that share cells."""
    draw = parted(pull=partial(pull, CORRECTED))["pull"](case)
    give = push_and_seed(CORRECTED, case)

    def run(state: FieldState) -> tuple[Tensor, Tensor, float]:
        after = give(draw(adopt(case, state)))
        return after.E, after.w, float(after.fractions[1])

    return run


def counted(rate: float, dt: float) -> int:
    """Births or deaths of the frames until the next census."""
    return int(min(min(max(rate, 0.0), CENSUS_CAP) * CENSUS_EVERY * dt, CENSUS_CAP))


def healed(case: FieldCase) -> Step:
    """The frozen step, for a state that is not finite."""
    step = baseline.prepare(case)
    return lambda state: observe(case, step(adopt(case, state)))


def advancing(
    turn: Callable[[Tensor, Tensor, Tensor, bool, bool], tuple[float, float]],
    populated: Callable[[Tensor], int],
) -> Callable[[Tensor, Tensor, Tensor, bool, bool, bool], Turned]:
    """`Sweeps.advance` of two sweeps, where all rows are early."""

    def advance(E: Tensor, R: Tensor, net: Tensor, dense: bool, everywhere: bool, count: bool):
        return *turn(E, R, net, everywhere, count), populated(R)

    return advance


def energy(E: Tensor) -> float:
    """Of the whole field, as the frozen engine adds it up."""
    return float(E.sum())


def stepping(
    sweeps: Callable[[FieldCase], Sweeps],
    diffusion: Callable[[FieldCase], Diffusion],
    total_of: Callable[[Tensor], float] = energy,
) -> Callable[[FieldCase], Step]:
    """A stepper of those sweeps around that diffusion, on canonical states, in place."""
    makers = {
        "step": whole(sweeps, diffusion, total_of),
        "seeding": seeding_alone(sweeps),
        "diffusion": diffusion_alone(diffusion, total_of),
    }
    return lambda case: makers[part(case)](case)


def seeding_alone(sweeps: Callable[[FieldCase], Sweeps]) -> Callable[[FieldCase], Step]:
    """A stepper of the nodes' sweep: no pull, and no other stage."""

    def build(case: FieldCase) -> Step:
        give, heal = sweeps(case).workspace, healed(case)

        def step(state: FieldState) -> FieldState:
            if not math.isfinite(float(state.E.sum() + state.w.sum())):
                return heal(state)
            E, w, r = give(state)
            return state._replace(
                E=E,
                w=w,
                fractions=measure(state, inactive=r),
                branches=decide(state, seeded=r > SEEDING_GATE),
            )

        return step

    return build


def diffusion_alone(
    diffusion: Callable[[FieldCase], Diffusion], total_of: Callable[[Tensor], float]
) -> Callable[[FieldCase], Step]:
    """A stepper of the diffusion: the frozen gate and records, and no other stage."""

    def build(case: FieldCase) -> Step:
        diffuse, heal = diffusion(case), healed(case)

        def step(state: FieldState) -> FieldState:
            total = total_of(state.E)
            if not math.isfinite(total):
                return heal(state)
            return state._replace(
                E=diffuse(state.E) if total > DIFFUSION_GATE else state.E,
                sum_E=torch.tensor(total, dtype=torch.float64),
                branches=decide(state, diffused=total > DIFFUSION_GATE),
            )

        return step

    return build


def whole(
    sweeps: Callable[[FieldCase], Sweeps],
    diffusion: Callable[[FieldCase], Diffusion],
    total_of: Callable[[Tensor], float],
) -> Callable[[FieldCase], Step]:
    """A stepper of all sweeps around the diffusion."""

    def build(case: FieldCase) -> Step:
        do, diffuse, heal = sweeps(case), diffusion(case), healed(case)
        net = torch.empty(case.shape, dtype=case.dtype, device=case.device)

        def turn(E: Tensor, R: Tensor, a: float, frame: int) -> Turned:
            """Births and deaths, counted where it is time to."""
            if a == 0:
                return 0.0, 0.0, do.populated(R)
            count = frame % CENSUS_EVERY == 0
            return do.advance(E, R, net, a >= FLOW_DENSE, a >= DENSITY_DENSE, count)

        def step(state: FieldState) -> FieldState:
            E, R, frame = state.E, state.R, int(state.frame)
            if not math.isfinite(float(E.sum() + R.sum() + state.w.sum())):
                return heal(state)
            if do.show is not None:
                do.show(E, R, state.frames[frame % case.images.count])
            total = total_of(E)
            E = diffuse(E) if total > DIFFUSION_GATE else E
            a = do.net_flow(E, R, state.P, net) / case.cells
            do.take(E[do.early], net[do.early], a >= FLOW_DENSE)
            E, w, r = do.workspace(state._replace(E=E))
            births, deaths, populated = turn(E, R, a, frame)
            g = populated / case.cells
            k = do.decay(E, R, g >= CONSUMPTION_DENSE) / case.cells
            do.metabolize(w)
            taken = (total > DIFFUSION_GATE, a >= FLOW_DENSE, r > SEEDING_GATE, a > 0)
            taken += (a >= DENSITY_DENSE, g > 0, g >= CONSUMPTION_DENSE, k > 0, k >= PEAKS_DENSE)
            return state._replace(
                E=E,
                w=w,
                frame=state.frame + 1,
                spawns=state.spawns + counted(births, case.dt),
                deaths=state.deaths + counted(deaths, case.dt),
                sum_E=torch.tensor(total, dtype=torch.float64),
                fractions=torch.tensor((a, r, g, k), dtype=torch.float64),
                branches=torch.tensor(taken).to(torch.int64),
            )

        return step

    return build


def canonical(_: FieldCase, state: FieldState) -> FieldState:
    """The working state is the canonical one."""
    return state
