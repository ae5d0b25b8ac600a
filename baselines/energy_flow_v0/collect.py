"""The end of a forward: completed flows grouped by cell alone, and aggregated.

One flow at a time, as the reviewed engine had it: the cell becomes a pair of coordinates,
the coordinates a key of six decimals, and the key is looked up in a table.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from baselines.energy_flow_v1.collect import STEP_GAIN
from baselines.energy_flow_v1.geometry import (
    distance,
    indices,
    normalised,
    refuse_bad_positions,
)
from baselines.engine import Step, same

from .case import CellCase
from .population import Flow, Population

DECIMALS = 6  # of a key

Key = tuple[float, float]


def key_table(case: CellCase) -> dict[Key, int]:
    """Cell of each pair of rounded normalised coordinates."""
    cells = ((x, y) for y in range(case.height) for x in range(case.width))
    return {key_at(case, x, y): cell for cell, (x, y) in enumerate(cells)}


def key_of(case: CellCase, position: Float[Tensor, " xyz"]) -> Key:
    """Coordinates of the cell of one flow, normalised and rounded."""
    x, y = indices(position[None], case.width, case.height)
    return key_at(case, x.item(), y.item())


def key_at(case: CellCase, x: float, y: float) -> Key:
    """Normalised coordinates of column x and row y, rounded."""
    x, y = normalised(x, case.width - 1), normalised(y, case.height - 1)
    return round(x, DECIMALS), round(y, DECIMALS)


def collect(case: CellCase) -> Step:
    """Stage: output [B, S] and the group of each flow."""
    if not case.runs("collect"):
        return lambda population: same(case, population)
    table = key_table(case)

    def gather(population: Population) -> Population:
        flows = candidates(population)
        output = torch.zeros_like(population.output)
        collected = {}
        for key, group in grouped(case, flows).items():
            sample, cell = group[0].sample, table[key]
            output[sample, cell] = aggregate(case, group)[0]
            for flow in group:
                collected[flow.id] = sample * case.cells + cell
        rows = result_rows(case, flows)
        return population._replace(output=output, groups=collected, rows=rows)

    return gather


def candidates(population: Population) -> list[Flow]:
    """Flows that are not active, in the order of their birth."""
    return [flow for flow in population.flows.values() if not flow.active]


def grouped(case: CellCase, flows: list[Flow]) -> dict[Key, list[Flow]]:
    """Flows by key, all samples and both planes together.

    Raises:
        ValueError: a flow whose position is not three finite numbers.
    """
    if flows:
        refuse_bad_positions(torch.stack([flow.position for flow in flows]))
    groups: dict[Key, list[Flow]] = {}
    for flow in flows:
        groups.setdefault(key_of(case, flow.position), []).append(flow)
    return groups


def aggregate(case: CellCase, flows: list[Flow]) -> Float[Tensor, " one"]:
    """E = Σ ω e, ω = softmax(|e| · 1/(1 + d) · (1 + 0.1 s)); a group of one is its own energy.

    Raises:
        ValueError: an empty group.
    """
    if not flows:
        raise ValueError("a group of 0 flows; allowed: at least 1")
    if len(flows) == 1:
        return flows[0].energy
    energy = torch.stack([flow.energy for flow in flows])
    like = {"dtype": energy.dtype, "device": energy.device}
    d = torch.tensor([reach(case, flow) for flow in flows], **like)
    s = torch.tensor([flow.steps for flow in flows], **like)
    strength = torch.linalg.vector_norm(energy, dim=-1) * (1 / (1 + d)) * (1 + STEP_GAIN * s)
    return (torch.softmax(strength, dim=0)[:, None] * energy).sum(dim=0)


def reach(case: CellCase, flow: Flow) -> float:
    """Distance to the nearer plane: as found the last one cached, repaired that of z."""
    if case.rules.keeps("distance"):
        return flow.distance
    return float(distance(flow.position[2:]))


def result_rows(case: CellCase, flows: list[Flow]) -> int:
    """Rows of the result before it is padded to B: as found 1 + the last sample, at least 1."""
    if not case.rules.keeps("rows"):
        return case.batch
    return max((flow.sample for flow in flows), default=0) + 1
