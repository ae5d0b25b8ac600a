"""The whole forward in pure torch: maps multiplied out, and flows in blocks that stay in cache.

Within a step every active flow is independent of the others but for spawning, so networks and
decisions run over a block of flows at a time, and each column of the state is then written
once. A forward makes one fresh state, and everything after it writes into that one.
"""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from baselines.energy_flow_v1 import FlowCase, FlowState
from baselines.energy_flow_v1 import engine as baseline
from baselines.energy_flow_v1.birth import placed
from baselines.energy_flow_v1.geometry import UNKNOWN, Z0, ZDEPTH, nearer
from baselines.energy_flow_v1.motion import (
    displaced,
    on_plane,
    outside,
    projection_age,
    reflected,
    terminated,
    verdict,
)
from baselines.energy_flow_v1.network import draw_mapper, ready, surface
from baselines.energy_flow_v1.noise import normals
from baselines.energy_flow_v1.parts import cleanup, closed, spawn
from baselines.energy_flow_v1.proposal import Motion
from baselines.energy_flow_v1.state import empty
from baselines.energy_flow_v1.travel import history, traced
from baselines.engine import Step, clone, compose
from optimizations.energy_flow_scatter.implementation import collect

from .network import folded, respond

BLOCK = 1024  # flows: gates of 64 units and what they are made of stay in the second-level cache


def stepper_with(
    mover: Callable[[FlowCase], Step], collect: Callable[[FlowCase], Step]
) -> Callable[[FlowCase], Step]:
    """The stepper around a loop step that writes into its state, and a collection."""

    def stepper(case: FlowCase) -> Step:
        if case.part == "collect":
            return collect(case)
        kept = [name for name in ("mask", "release", "clearing", "graph") if case.rules.keeps(name)]
        if kept:
            raise ValueError(f"rules {kept} are 'as found'; allowed: 'repaired'")
        step, end = mover(case), collect(case)
        if case.part == "step":
            return compose(clone, step, end)
        return compose(birth(case), journey(case, step), finish(case), end)

    return stepper


def birth(case: FlowCase) -> Step:
    """Reset and birth: a copy of the state that all births share, with its energies."""
    mapper = ready(draw_mapper(case), case)
    blank = FlowState(*(field.to(case.device) for field in empty(case)))
    none = torch.zeros(case.batch * case.cells, dtype=case.dtype, device=case.device)
    born = placed(case, blank, none)
    count = int(born.created)

    def fill(state: FlowState) -> FlowState:
        new = clone(born)
        new.energy[:count] = surface(mapper, state.inputs).flatten()[:count]
        carried = {"inputs": state.inputs, "clock": state.clock, "forward": state.forward + 1}
        return new._replace(**carried)

    return fill


def journey(case: FlowCase, step: Step) -> Step:
    """The loop of a forward, on a state that is ours."""

    def go(state: FlowState) -> FlowState:
        for _ in range(case.loop):
            why = verdict(case.stop, history(state), int(state.active.sum()))
            if why:
                return state._replace(stopped=torch.full_like(state.stopped, why))
            state = step(state)
        return state

    return go


def finish(case: FlowCase) -> Step:
    """Final marking, written into a state that is ours."""
    found = case.rules.keeps("marking")
    low, high = (0, case.depth - 1) if found else (-1, 1)

    def mark(state: FlowState) -> FlowState:
        rows = state.active.nonzero().flatten()
        z = state.position[rows, 2]
        plane = torch.where(z >= high, ZDEPTH, torch.where(z <= low, Z0, UNKNOWN))
        known = plane != UNKNOWN
        return closed(state, rows[known], plane[known])

    return mark


def mover(case: FlowCase) -> Step:
    """One step of the loop, on a state that it writes into."""
    propose, bear, clean = proposal(case), spawn(case), cleanup(case)

    def step(state: FlowState) -> FlowState:
        rows = state.active.nonzero().flatten()
        motion = propose(state, rows)
        created = state.created
        state = written(case, state, motion)
        state = clean(bear(state, motion), motion)
        state.trace[state.step] = traced(state, motion, created)
        return state._replace(step=state.step + 1)

    return step


def proposal(case: FlowCase) -> Callable[[FlowState, Tensor], Motion]:
    """Networks and decisions by blocks; hidden states are written at once."""
    net, rules = folded(case), case.rules
    age = projection_age(case) - (not rules.keeps("projection"))
    bouncing = rules.keeps("reflection")

    def propose(state: FlowState, rows: Tensor) -> Motion:
        before, energy = state.position[rows], state.energy[rows]
        key = torch.arange(len(rows)) if rules.keeps("noise") else state.id[rows]
        noise = normals(case.seed, state.forward, key, state.step).to(case.dtype).mul_(case.sigma)
        due = state.steps[rows] >= age
        given = torch.cat([before, energy[:, None]], 1)
        found = []
        for part in torch.arange(len(rows)).split(BLOCK) if len(rows) else ():
            block = slice(int(part[0]), int(part[-1]) + 1)
            hidden = state.hidden.index_select(0, rows[block])
            new, push, memory = respond(net, given[block], hidden)
            push = (case.scale * push).clamp_(-0.5, 0.5)
            raw, after = displaced(before[block], push, noise[block])
            if not bouncing:
                after = torch.cat([reflected(raw)[:, :2], after[:, 2:]], dim=1)
            ended, bounced = terminated(after), outside(raw)
            projected = due[block] > ended
            moving = ~(ended | projected)
            if case.least_move:
                far = torch.linalg.vector_norm(after - before[block], dim=1) >= case.least_move
                moving &= far
            changed = moving | bounced if bouncing else moving
            memory = torch.where(changed[:, None, None], memory, hidden)
            state.hidden.index_copy_(0, rows[block], memory)
            found.append((raw, after, new, ended, projected, bounced, moving))
        raw, after, new, *flags = map(torch.cat, zip(*found, strict=True))
        return Motion(rows, before, raw, after, new, given, *flags)

    return propose


def written(case: FlowCase, state: FlowState, motion: Motion) -> FlowState:
    """Completion, reflection and update, each column once; hidden states are there already."""
    rows, z = motion.rows, motion.after[:, 2]
    done = motion.ended | motion.projected
    if case.rules.keeps("projection"):
        # as found, normalised z is compared with 0 and D, and z0 is always the nearer
        plane = torch.where(motion.ended, nearer(z), Z0)
    else:
        plane = nearer(z)
    position = torch.where(done[:, None], on_plane(motion.after, plane), motion.before)
    changed, count = motion.moving, motion.moving.long()
    if case.rules.keeps("reflection"):
        position = torch.where(motion.bounced[:, None], reflected(motion.raw), position)
        changed, count = changed | motion.bounced, count + motion.bounced
    position = torch.where(motion.moving[:, None], motion.after, position)
    energy = torch.where(changed, motion.energy, state.energy[rows])
    state.position.index_copy_(0, rows, position)
    state.energy.index_copy_(0, rows, energy)
    state.age.index_add_(0, rows, count)
    state.steps.index_add_(0, rows, count)
    state.plane.index_copy_(0, rows, plane * done)
    state.active.index_copy_(0, rows, ~done)
    state.completed.index_copy_(0, rows, done)
    return state._replace(finished=state.finished + done.sum())


engine = replace(baseline, stepper=stepper_with(mover, collect))
