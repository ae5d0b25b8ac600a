"""The start of a forward: an empty dictionary, then one flow for each sample and cell."""

from __future__ import annotations

import torch

from baselines.engine import Step, same

from .case import FlowCase
from .geometry import Z0, normalised
from .network import draw_mapper, ready, surface
from .population import Flow, Population, adopt, observe
from .state import FlowState, admitted, empty, given


def initial(case: FlowCase) -> FlowState:
    """The state a case starts in: embeddings drawn, then no flows, a birth, or given flows.

    Raises:
        ValueError: more given flows than the capacity.
    """
    state = empty(case)
    inputs = 2 * torch.rand(case.batch, case.embedding, generator=case.stream("inputs")) - 1
    state = state._replace(inputs=(3**0.5 * inputs).to(case.dtype))
    if case.part == "collect":
        state = given(case, state)
    state = admitted(case, FlowState(*(field.to(case.device) for field in state)))
    return observe(case, born(case)(adopt(case, state))) if case.part == "step" else state


def birth(case: FlowCase) -> Step:
    """Stage: reset, then birth; in whole forwards only."""
    return born(case) if case.runs("birth") else lambda population: same(case, population)


def born(case: FlowCase, mapper=None) -> Step:
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


def reset(case: FlowCase, population: Population) -> Population:
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


def starts(case: FlowCase) -> list[tuple[int, int, int]]:
    """Sample, y and x of every birth: sample-major, then y, then x."""
    return [
        (sample, y, x)
        for sample in range(case.batch)
        for y in range(case.height)
        for x in range(case.width)
    ]


def newborn(case: FlowCase, id: int, place: tuple[int, int, int], energy: torch.Tensor) -> Flow:
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
