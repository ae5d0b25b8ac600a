"""The loop of a forward: stop test, then the step's parts in their frozen order.

The networks see all active flows in one batch; everything else is a loop over objects.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from baselines.energy_flow_v1.motion import verdict
from baselines.energy_flow_v1.network import draw_mover, ready
from baselines.engine import Step, compose, same

from .case import CellCase
from .parts import PARTS, Part
from .population import Population, duplicated
from .proposal import PROJECTED, TERMINATED, Motion, proposal


def travel(case: CellCase, parts: tuple[Callable[[CellCase], Part], ...] | None = None) -> Step:
    """Stage: the loop of a forward, or one step of it where that is the case's part."""
    if not case.runs("travel"):
        return lambda population: same(case, population)
    step = loop_step(case, parts=PARTS if parts is None else parts)
    if case.part == "step":
        return lambda population: step(duplicated(population))

    def journey(population: Population) -> Population:
        population = duplicated(population)
        for _ in range(case.loop):
            active = sum(flow.active for flow in population.flows.values())
            why = verdict(case.stop, history(population), active)
            if why:
                return population._replace(stopped=why)
            population = step(population)
        return population

    return journey


def history(population: Population) -> list[float]:
    """Share of the created flows that had completed after each step so far."""
    return [row[-2] / max(row[-1], 1) for row in population.trace]


def loop_step(case: CellCase, mover=None, parts: tuple = ()) -> Step:
    """One step of the loop, on objects that it may overwrite."""
    mover = ready(draw_mover(case), case) if mover is None else mover
    act = [build(case) for build in parts or PARTS]
    propose = proposal(case, mover)

    def step(population: Population) -> Population:
        motion = propose(population)
        created = population.created
        if motion is None:
            motion = Motion([], *[torch.empty(0)] * 5, [], [])
        population = compose(*(lambda p, a=a: a(p, motion) for a in act))(population)
        row = traced(population, motion, created)
        return population._replace(trace=(*population.trace, row), step=population.step + 1)

    return step


def traced(population: Population, motion: Motion, created: int) -> tuple[int, ...]:
    """The row of the decision trace."""
    ended, projected = (motion.reasons.count(reason) for reason in (TERMINATED, PROJECTED))
    spawned = population.created - created
    counts = (len(motion.flows), ended, sum(motion.bounced), projected, spawned)
    return (*counts, population.finished, population.created)
