"""The loop of a forward: stop test, then the step's parts in their frozen order.

The networks see all active flows in one batch; everything else is a loop over objects.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from baselines.engine import Step, compose, same

from .case import FlowCase
from .geometry import UNKNOWN, Z0, ZDEPTH, distance, nearer
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
from .population import Flow, Population, duplicated

TERMINATED, PROJECTED, WAITING, MOVING = "terminated", "projected", "waiting", "moving"


class Motion(NamedTuple):
    """What the active flows, n of them, are about to do."""

    flows: list[Flow]
    before: Tensor  # [n, 3] position
    raw: Tensor  # [n, 3] where they would go, nothing clamped
    after: Tensor  # [n, 3] where they go
    energy: Tensor  # [n]
    hidden: Tensor  # [n, L, h]
    reasons: list[str]  # what becomes of each
    bounced: list[bool]  # whether it left the lattice sideways


Part = Callable[[Population, Motion], Population]


def travel(case: FlowCase, parts: tuple[Callable[[FlowCase], Part], ...] | None = None) -> Step:
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


def loop_step(case: FlowCase, mover=None, parts: tuple = ()) -> Step:
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


def proposal(case: FlowCase, mover) -> Callable[[Population], Motion | None]:
    """Networks, noise and the decisions about every active flow; nothing is written."""
    sides = (case.width - 1, case.height - 1, case.depth)
    sides = torch.tensor(sides, dtype=case.dtype, device=case.device)
    rules = case.rules

    def propose(population: Population) -> Motion | None:
        flows = [flow for flow in population.flows.values() if flow.active]
        if not flows:
            return None
        before = torch.stack([flow.position for flow in flows])
        energies = torch.cat([flow.energy for flow in flows])
        memory = torch.stack([flow.hidden for flow in flows])
        energy, hidden, push = respond(mover, sides, before, energies, memory)
        push = (case.scale * push).clamp(-0.5, 0.5)
        key = range(len(flows)) if rules.keeps("noise") else [flow.id for flow in flows]
        noise = drawn(case, population, list(key))
        raw, after = displaced(before, push, case.sigma * noise)
        if not rules.keeps("reflection"):
            after = torch.cat([reflected(raw)[:, :2], after[:, 2:]], dim=1)
        reasons = reasons_of(case, flows, before, after)
        bounced = outside(raw).tolist()
        return Motion(flows, before, raw, after, energy, hidden, reasons, bounced)

    return propose


def drawn(case: FlowCase, population: Population, key: list[int]) -> Tensor:
    """Standard normal numbers for those keys at this step, [n, 3] in the case's dtype."""
    forward, step = (
        torch.tensor(count, device=case.device) for count in (population.forward, population.step)
    )
    key = torch.tensor(key, device=case.device)
    return normals(case.seed, forward, key, step).to(case.dtype)


def reasons_of(case: FlowCase, flows: list[Flow], before: Tensor, after: Tensor) -> list[str]:
    """What becomes of each flow, one by one."""
    age = projection_age(case) - (0 if case.rules.keeps("projection") else 1)
    ended = terminated(after)
    far = torch.linalg.vector_norm(after - before, dim=1) >= case.least_move
    reasons = []
    for place, flow in enumerate(flows):
        if ended[place]:
            reasons.append(TERMINATED)
        elif flow.steps >= age:
            reasons.append(PROJECTED)
        else:
            reasons.append(MOVING if far[place] else WAITING)
    return reasons


def complete(case: FlowCase) -> Part:
    """Terminated and projected flows stop on a plane with the energy of their last update.

    As found one that ends on zdepth is not marked complete: it stays and tries again.
    """

    def write(population: Population, motion: Motion) -> Population:
        finished = population.finished
        for place, flow in enumerate(motion.flows):
            if motion.reasons[place] not in (TERMINATED, PROJECTED):
                continue
            plane = nearer(motion.after[place : place + 1, 2])
            if case.rules.keeps("zdepth") and int(plane) == ZDEPTH:
                continue
            flow.position = on_plane(motion.after[place : place + 1], plane)[0]
            flow.plane = int(plane)
            flow.active = False
            finished += 1
        return population._replace(finished=finished)

    return write


def reflect(case: FlowCase) -> Part:
    """As found: an update of all that left sideways, terminated ones too, z unclamped."""
    if not case.rules.keeps("reflection"):
        return lambda population, motion: population

    def write(population: Population, motion: Motion) -> Population:
        if motion.flows:
            updated(case, motion, motion.bounced, reflected(motion.raw))
        return population

    return write


def update(case: FlowCase) -> Part:
    """All flows that go on."""

    def write(population: Population, motion: Motion) -> Population:
        if motion.flows:
            moving = [reason == MOVING for reason in motion.reasons]
            updated(case, motion, moving, motion.after)
        return population

    return write


def updated(case: FlowCase, motion: Motion, chosen: list[bool], position: Tensor) -> None:
    """Position, energy, hidden state and distance of the chosen flows; one step older."""
    distances = distance(position[:, 2]).tolist()
    counted = 0 if case.rules.keeps("counting") else 1
    for place, flow in enumerate(motion.flows):
        if not chosen[place]:
            continue
        flow.position = position[place]
        flow.energy = motion.energy[place : place + 1]
        flow.hidden = motion.hidden[place]
        flow.distance = distances[place]
        flow.age += 1
        flow.steps += counted


def spawn(case: FlowCase) -> Part:
    """Children of the flows that go on, where their parents stood, up to the capacity."""

    def write(population: Population, motion: Motion) -> Population:
        if not motion.flows:
            return population
        counts = offspring(motion.before, motion.after, case.spawn).tolist()
        flows, wanted, born = population.flows, 0, 0
        for place, flow in enumerate(motion.flows):
            if motion.reasons[place] != MOVING:
                continue
            wanted += counts[place]
            for _ in range(min(counts[place], case.capacity - len(flows))):
                id = population.next_id + born
                flows[id] = child(flow, id, motion.before[place])
                born += 1
        return population._replace(
            next_id=population.next_id + born,
            created=population.created + born,
            refused=population.refused + wanted - born,
        )

    return write


def child(parent: Flow, id: int, position: Tensor) -> Flow:
    """A new flow at that position, with its parent's sample, energy and hidden state."""
    z = position[2:]
    cached, plane = float(distance(z)), int(nearer(z))
    return Flow(id, parent.sample, position, parent.energy, parent.hidden, cached, plane, parent.id)


def cleanup(case: FlowCase) -> Part:
    """The clock ticks; every so often flows that are not active are deleted, collected or not."""

    def write(population: Population, motion: Motion) -> Population:
        del motion
        clock = population.clock + 1
        if clock % case.cleanup == 0:
            done = [id for id, flow in population.flows.items() if not flow.active]
            for id in done:
                del population.flows[id]
        return population._replace(clock=clock)

    return write


PARTS = (complete, reflect, update, spawn, cleanup)


def finish(case: FlowCase) -> Step:
    """Stage: what becomes of flows that are still active after the last step.

    As found z ≤ 0 completes on z0 and the rest is lost; repaired, |z| ≥ 1 completes.
    """
    if not case.runs("finish"):
        return lambda population: same(case, population)
    found = case.rules.keeps("marking")

    def mark(population: Population) -> Population:
        flows, finished = dict(population.flows), population.finished
        for id, flow in population.flows.items():
            plane = final_plane(case, float(flow.position[2]), found) if flow.active else UNKNOWN
            if plane != UNKNOWN:
                flows[id] = replace(flow, plane=plane, active=False)
                finished += 1
        return population._replace(flows=flows, finished=finished)

    return mark


def final_plane(case: FlowCase, z: float, found: bool) -> int:
    """The plane on which an unfinished flow is declared complete, 0 for none."""
    # as found the test for zdepth is z ≥ D − 1, true of z = 1 at D = 2 only
    if z >= (case.depth - 1 if found else 1):
        return ZDEPTH
    return Z0 if z <= (0 if found else -1) else UNKNOWN
