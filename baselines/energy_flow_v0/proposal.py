"""What the active flows are about to do: networks on one batch, decisions flow by flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from baselines.energy_flow_v1.motion import (
    displaced,
    outside,
    projection_age,
    reflected,
    terminated,
)
from baselines.energy_flow_v1.network import respond
from baselines.energy_flow_v1.noise import normals

from .case import CellCase
from .population import Flow, Population

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


def proposal(case: CellCase, mover) -> Callable[[Population], Motion | None]:
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


def drawn(case: CellCase, population: Population, key: list[int]) -> Tensor:
    """Standard normal numbers for those keys at this step, [n, 3] in the case's dtype."""
    forward, step = (
        torch.tensor(count, device=case.device) for count in (population.forward, population.step)
    )
    key = torch.tensor(key, device=case.device)
    return normals(case.seed, forward, key, step).to(case.dtype)


def reasons_of(case: CellCase, flows: list[Flow], before: Tensor, after: Tensor) -> list[str]:
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
