"""The start of a forward: an empty dictionary, then one flow for each sample and cell."""

from __future__ import annotations

from dataclasses import replace

import torch

from baselines.energy_flow_v1.geometry import Z0, distance, nearer, normalised
from baselines.energy_flow_v1.network import draw_mapper, ready, surface
from baselines.energy_flow_v1.state import FlowState, start
from baselines.engine import Step, same

from .case import CellCase
from .population import Flow, Population, adopt, observe


def initial(case: CellCase) -> FlowState:
    """The state a case starts in: no flows, a birth, or given flows.

    Raises:
        ValueError: more given flows than the capacity.
    """
    population = adopt(case, start(case))
    flows = {id: as_object(case, flow) for id, flow in population.flows.items()}
    population = population._replace(flows=flows)
    return observe(case, born(case)(population) if case.part == "step" else population)


def as_object(case: CellCase, flow: Flow) -> Flow:
    """A given flow as this version would hold it: plane and distance known, s as counted."""
    z = flow.position[2:]
    steps = 0 if case.rules.keeps("counting") else flow.steps
    return replace(flow, plane=int(nearer(z)), distance=float(distance(z)), steps=steps)


def birth(case: CellCase) -> Step:
    """Stage: reset, then birth; in whole forwards only."""
    return born(case) if case.runs("birth") else lambda population: same(case, population)


def born(case: CellCase, mapper=None) -> Step:
    """Reset and birth; with the seed's weights where no ``mapper`` is handed in."""
    mapper = ready(draw_mapper(case), case) if mapper is None else mapper

    def fill(population: Population) -> Population:
        population = reset(case, population)
        energy = surface(mapper, population.inputs)
        places = starts(case)[: case.capacity]
        flows = {id: newborn(case, id, place, energy) for id, place in enumerate(places)}
        return population._replace(
            flows=flows,
            next_id=len(flows),
            created=len(flows),
            refused=case.batch * case.cells - len(flows),
        )

    return fill


def reset(case: CellCase, population: Population) -> Population:
    """No flows, counters of the forward at zero; the clock goes on."""
    counters = ("step", "next_id", "created", "finished", "refused", "stopped", "rows")
    return population._replace(
        flows={},
        groups={},
        forward=population.forward + 1,
        trace=(),
        output=torch.zeros_like(population.output),
        **dict.fromkeys(counters, 0),
    )


def starts(case: CellCase) -> list[tuple[int, int, int]]:
    """Sample, y and x of every birth: sample-major, then y, then x."""
    return [
        (sample, y, x)
        for sample in range(case.batch)
        for y in range(case.height)
        for x in range(case.width)
    ]


def newborn(case: CellCase, id: int, place: tuple[int, int, int], energy: torch.Tensor) -> Flow:
    """The flow born at that place, on the middle plane."""
    sample, y, x = place
    position = (
        normalised(float(x), case.width - 1),
        normalised(float(y), case.height - 1),
        normalised(float(case.depth // 2), case.depth),
    )
    cell = y * case.width + x
    return Flow(
        id=id,
        sample=sample,
        position=torch.tensor(position, dtype=energy.dtype, device=energy.device),
        energy=energy[sample, cell : cell + 1],
        hidden=torch.zeros(case.layers, case.hidden, dtype=energy.dtype, device=energy.device),
        distance=1 - abs(position[2]),
        plane=Z0,  # the middle plane, or the one below it, is nearer to z0
    )
