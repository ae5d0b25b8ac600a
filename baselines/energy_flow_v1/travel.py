"""The loop of a forward: stop test, then the step's parts in their frozen order."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from baselines.engine import Step, clone, compose, same

from .birth import free_rows, stored
from .case import FlowCase
from .geometry import UNKNOWN, Z0, ZDEPTH, nearer
from .motion import (
    displaced,
    offspring,
    on_plane,
    outside,
    projection_age,
    reflected,
    terminated,
    verdict,
)
from .network import draw_mover, ready, respond
from .noise import normals
from .state import FlowState


class Motion(NamedTuple):
    """What the active flows, n of them, are about to do."""

    rows: Tensor  # [n] int64, in storage
    before: Tensor  # [n, 3] position
    raw: Tensor  # [n, 3] where they would go, nothing clamped
    after: Tensor  # [n, 3] where they go
    energy: Tensor  # [n]
    hidden: Tensor  # [n, L, h]
    ended: Tensor  # [n] bool: reached an output plane
    projected: Tensor  # [n] bool: old enough to be put on one
    bounced: Tensor  # [n] bool: left the lattice sideways
    moving: Tensor  # [n] bool: goes on


Part = Callable[[FlowState, Motion], FlowState]


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


def proposal(case: FlowCase, mover) -> Callable[[FlowState], Motion]:
    """Networks, noise and the decisions about every active flow; nothing is written."""
    sides = (case.width - 1, case.height - 1, case.depth)
    sides = torch.tensor(sides, dtype=case.dtype, device=case.device)
    rules = case.rules

    def propose(state: FlowState) -> Motion:
        rows = state.active.nonzero().flatten()
        before = state.position[rows]
        energy, hidden, push = respond(mover, sides, before, state.energy[rows], state.hidden[rows])
        push = (case.scale * push).clamp(-0.5, 0.5)
        places = torch.arange(len(rows), device=rows.device)
        key = places if rules.keeps("noise") else state.id[rows]
        noise = normals(case.seed, state.forward, key, state.step).to(push.dtype)
        raw, after = displaced(before, push, case.sigma * noise)
        if not rules.keeps("reflection"):
            after = torch.cat([reflected(raw)[:, :2], after[:, 2:]], dim=1)
        ended = terminated(after)
        due = state.steps[rows] >= projection_age(case) - (not rules.keeps("projection"))
        far = torch.linalg.vector_norm(after - before, dim=1) >= case.least_move
        projected = ~ended & due
        moving = ~ended & ~projected & far
        flags = (ended, projected, outside(raw), moving)
        return Motion(rows, before, raw, after, energy, hidden, *flags)

    return propose


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


def finish(case: FlowCase) -> Step:
    """Stage: what becomes of flows that are still active after the last step.

    As found z ≤ 0 completes on z0 and the rest is lost; repaired, |z| ≥ 1 completes.
    """
    if not case.runs("finish"):
        return lambda state: same(case, state)
    found = case.rules.keeps("marking")

    def mark(state: FlowState) -> FlowState:
        z = state.position[:, 2]
        plane = torch.where(z <= (0 if found else -1), Z0, UNKNOWN)
        # as found the test for zdepth is z ≥ D − 1, true of z = 1 at D = 2 only
        plane = torch.where(z >= (case.depth - 1 if found else 1), ZDEPTH, plane)
        rows = (state.active & (plane != UNKNOWN)).nonzero().flatten()
        return closed(clone(state), rows, plane[rows])

    return mark
