"""What a step writes, part by part in their frozen order, into a state that it owns."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .birth import free_rows, stored
from .case import FlowCase
from .geometry import Z0, ZDEPTH, nearer
from .motion import offspring, on_plane, reflected
from .proposal import Motion
from .state import FlowState

Part = Callable[[FlowState, Motion], FlowState]


def complete(case: FlowCase) -> Part:
    """Terminated and projected flows stop on a plane with the energy of their last update."""
    found = case.rules.keeps("projection")

    def write(state: FlowState, motion: Motion) -> FlowState:
        z = motion.after[:, 2]
        # as found, normalised z is compared with 0 and D, and z0 is always the nearer
        chosen = torch.where(z.abs() <= (z - case.depth).abs(), Z0, ZDEPTH) if found else nearer(z)
        plane = torch.where(motion.ended, nearer(z), chosen)
        done = motion.ended | motion.projected
        rows = motion.rows[done]
        state.position[rows] = on_plane(motion.after[done], plane[done])
        return closed(state, rows, plane[done])

    return write


def closed(state: FlowState, rows: Tensor, plane: Tensor) -> FlowState:
    """Flows marked complete on their plane, in a state that is ours."""
    state.plane[rows] = plane
    state.active[rows] = False
    state.completed[rows] = True
    return state._replace(finished=state.finished + len(rows))


def reflect(case: FlowCase) -> Part:
    """As found: an update of all that left sideways, terminated ones too, z unclamped."""
    if not case.rules.keeps("reflection"):
        return lambda state, motion: state

    def write(state: FlowState, motion: Motion) -> FlowState:
        chosen = motion.bounced.nonzero().flatten()
        return updated(state, motion, chosen, reflected(motion.raw))

    return write


def update(case: FlowCase) -> Part:
    """All flows that go on; as found (1) only those at places 0 and 1 of the batch."""
    found = case.rules.keeps("mask")

    def write(state: FlowState, motion: Motion) -> FlowState:
        chosen = motion.moving.long() if found else motion.moving.nonzero().flatten()
        # a batch of one has no place 1; the reviewed engine would stop there
        chosen = chosen.clamp(max=max(len(motion.rows) - 1, 0))
        return updated(state, motion, chosen, motion.after)

    return write


def updated(state: FlowState, motion: Motion, chosen: Tensor, position: Tensor) -> FlowState:
    """Position, energy and hidden state of the chosen places of the batch; one step older."""
    rows = motion.rows[chosen]
    state.position[rows] = position[chosen]
    state.energy[rows] = motion.energy[chosen]
    state.hidden[rows] = motion.hidden[chosen]
    state.age[rows] += 1
    state.steps[rows] += 1
    return state


def spawn(case: FlowCase) -> Part:
    """Children of the flows that go on, where their parents stood, while rows are free."""

    def write(state: FlowState, motion: Motion) -> FlowState:
        counts = offspring(motion.before, motion.after, case.spawn) * motion.moving
        place = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)
        if len(place) == 0:
            return state
        rows = free_rows(state)[: len(place)]
        place = place[: len(rows)]
        refused = int(counts.sum()) - len(rows)
        parents = motion.rows[place]
        stored(
            state,
            rows,
            id=state.next_id + torch.arange(len(rows), device=rows.device),
            sample=state.sample[parents],
            parent=state.id[parents],
            position=motion.before[place],
            energy=state.energy[parents],
            hidden=state.hidden[parents],
        )
        return state._replace(
            next_id=state.next_id + len(rows),
            created=state.created + len(rows),
            refused=state.refused + refused,
        )

    return write


def cleanup(case: FlowCase) -> Part:
    """The clock ticks; every so often flows that are not active are struck off the list."""

    def write(state: FlowState, motion: Motion) -> FlowState:
        del motion
        clock = state.clock + 1
        listed = state.listed & state.active if int(clock) % case.cleanup == 0 else state.listed
        return state._replace(clock=clock, listed=listed)

    return write


PARTS = (complete, reflect, update, spawn, cleanup)
