"""The working state: one object per flow, in a dictionary by id."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from baselines.energy_flow_v1.state import FlowState, admitted, empty

from .case import CellCase


@dataclass
class Flow:
    """One flow. Shapes, units and meanings as in the package docstring."""

    id: int
    sample: int
    position: Tensor  # [3]
    energy: Tensor  # [1]
    hidden: Tensor  # [L, h]
    distance: float
    plane: int
    parent: int = -1
    age: int = 0
    steps: int = 0
    active: bool = True


class Population(NamedTuple):
    """All flows by id in the order of their birth, and what surrounds them."""

    flows: dict[int, Flow]
    groups: dict[int, int]  # flow id → where in the output its group was written
    inputs: Tensor  # [B, E]
    forward: int
    step: int
    clock: int
    next_id: int
    created: int
    finished: int
    refused: int
    stopped: int
    trace: tuple[tuple[int, ...], ...]  # a row per step made
    rows: int
    output: Tensor  # [B, S]


COUNTERS = tuple(
    name
    for name in Population._fields
    if name not in ("flows", "groups", "inputs", "trace", "output")
)


def duplicated(population: Population) -> Population:
    """The same population in objects of its own; the tensors they hold are never written to."""
    return population._replace(flows={id: copy(flow) for id, flow in population.flows.items()})


def adopt(case: CellCase, state: FlowState) -> Population:
    """One object for each row that holds a flow.

    Raises:
        ValueError: a state that does not fit the case.
    """
    state = admitted(case, state)
    rows = (state.id >= 0).nonzero().flatten().tolist()
    flows = [flow_of(state, row) for row in rows]
    groups = {int(state.id[row]): int(state.group[row]) for row in rows if state.group[row] >= 0}
    return Population(
        flows={flow.id: flow for flow in flows},
        groups=groups,
        inputs=state.inputs,
        trace=tuple(map(tuple, state.trace[: int(state.step)].tolist())),
        output=state.output,
        **{name: int(getattr(state, name)) for name in COUNTERS},
    )


def flow_of(state: FlowState, row: int) -> Flow:
    """The object that stands for one row."""
    whole = ("id", "sample", "plane", "parent", "age", "steps")
    return Flow(
        position=state.position[row],
        energy=state.energy[row : row + 1],
        hidden=state.hidden[row],
        distance=float(state.distance[row]),
        active=bool(state.active[row]),
        **{name: int(getattr(state, name)[row]) for name in whole},
    )


def observe(case: CellCase, population: Population) -> FlowState:
    """The canonical state: flows by id in the first rows, free rows blank."""
    device = case.device
    state = FlowState(*(field.to(device) for field in empty(case)))
    flows = list(population.flows.values())
    n = len(flows)
    for name in ("id", "sample", "plane", "parent", "age", "steps", "active", "distance"):
        column = getattr(state, name)
        values = [getattr(flow, name) for flow in flows]
        column[:n] = torch.tensor(values, dtype=column.dtype, device=device)
    groups = [population.groups.get(flow.id, -1) for flow in flows]
    state.group[:n] = torch.tensor(groups, dtype=torch.int64, device=device)
    state.completed[:n] = ~state.active[:n]
    state.listed[:n] = True
    if n:
        state.position[:n] = torch.stack([flow.position for flow in flows])
        state.energy[:n] = torch.cat([flow.energy for flow in flows])
        state.hidden[:n] = torch.stack([flow.hidden for flow in flows])
    for row, counts in enumerate(population.trace):
        state.trace[row] = torch.tensor(counts, device=device)
    counters = {name: getattr(population, name) for name in COUNTERS}
    return state._replace(
        inputs=population.inputs,
        output=population.output,
        **{name: torch.tensor(value, device=device) for name, value in counters.items()},
    )
