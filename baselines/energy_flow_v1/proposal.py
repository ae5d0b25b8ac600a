"""What the active flows are about to do: networks, noise and decisions, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from .case import FlowCase
from .motion import displaced, outside, projection_age, reflected, terminated
from .network import respond
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
