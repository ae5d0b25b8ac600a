"""The loop of a forward: stop test, then the step's parts in their frozen order."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from baselines.engine import Step, clone, compose, same

from .case import FlowCase
from .motion import verdict
from .network import draw_mover, ready
from .parts import PARTS, Part
from .proposal import Motion, proposal
from .state import FlowState


def travel(case: FlowCase, parts: tuple[Callable[[FlowCase], Part], ...] | None = None) -> Step:
    """Stage: the loop of a forward, or one step of it where that is the case's part."""
    if not case.runs("travel"):
        return lambda state: same(case, state)
    step = loop_step(case, parts=PARTS if parts is None else parts)
    if case.part == "step":
        return lambda state: step(clone(state))

    def journey(state: FlowState) -> FlowState:
        state = clone(state)
        for _ in range(case.loop):
            why = verdict(case.stop, history(state), int(state.active.sum()))
            if why:
                return state._replace(stopped=torch.full_like(state.stopped, why))
            state = step(state)
        return state

    return journey


def history(state: FlowState) -> list[float]:
    """Share of the created flows that had completed after each step so far."""
    done = state.trace[: int(state.step)]
    return [finished / max(created, 1) for finished, created in done[:, -2:].tolist()]


def loop_step(case: FlowCase, mover=None, parts: tuple = ()) -> Step:
    """One step of the loop, on a state that it may overwrite."""
    mover = ready(draw_mover(case), case) if mover is None else mover
    act = [build(case) for build in parts or PARTS]
    propose = proposal(case, mover)

    def step(state: FlowState) -> FlowState:
        motion = propose(state)
        created = state.created
        state = compose(*(lambda s, a=a: a(s, motion) for a in act))(state)
        state.trace[state.step] = traced(state, motion, created)
        return state._replace(step=state.step + 1)

    return step


def traced(state: FlowState, motion: Motion, created: Tensor) -> Tensor:
    """The row of the decision trace, [7] int64."""
    flags = (motion.ended, motion.bounced, motion.projected)
    active = torch.full_like(created, len(motion.rows))
    counts = (active, *(flag.sum() for flag in flags), state.created - created)
    return torch.stack((*counts, state.finished, state.created))
