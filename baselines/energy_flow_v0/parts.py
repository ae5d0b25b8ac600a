"""What a step writes, part by part in their frozen order, into objects that it owns."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from baselines.energy_flow_v1.geometry import ZDEPTH, distance, nearer
from baselines.energy_flow_v1.motion import offspring, on_plane, reflected

from .case import CellCase
from .population import Flow, Population
from .proposal import MOVING, PROJECTED, TERMINATED, Motion

Part = Callable[[Population, Motion], Population]


def complete(case: CellCase) -> Part:
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


def reflect(case: CellCase) -> Part:
    """As found: an update of all that left sideways, terminated ones too, z unclamped."""
    if not case.rules.keeps("reflection"):
        return lambda population, motion: population

    def write(population: Population, motion: Motion) -> Population:
        if motion.flows:
            updated(case, motion, motion.bounced, reflected(motion.raw))
        return population

    return write


def update(case: CellCase) -> Part:
    """All flows that go on."""

    def write(population: Population, motion: Motion) -> Population:
        if motion.flows:
            moving = [reason == MOVING for reason in motion.reasons]
            updated(case, motion, moving, motion.after)
        return population

    return write


def updated(case: CellCase, motion: Motion, chosen: list[bool], position: Tensor) -> None:
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


def spawn(case: CellCase) -> Part:
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


def cleanup(case: CellCase) -> Part:
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
