"""How a batch of flows moves: formulas over [n, 3] positions, nothing about storage."""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .case import FlowCase, Spawn, Stop

ALL_STEPS, NO_ACTIVE, SHARE, STALLED, NEARLY = range(5)  # why a forward ended
WINDOW = 5  # steps of the moving average
GROWTH = 0.01  # of the moving average, below which a step counts as stalled


def displaced(
    before: Float[Tensor, "n 3"], push: Float[Tensor, "n 3"], noise: Float[Tensor, "n 3"]
) -> tuple[Tensor, Tensor]:
    """raw = p + δ + ε and next = clamp(clamp(p + δ) + ε), both [n, 3]."""
    pushed = before + push
    return pushed + noise, (pushed.clamp(-1, 1) + noise).clamp(-1, 1)


def terminated(after: Float[Tensor, "n 3"]) -> Bool[Tensor, " n"]:
    """Whether next lies on an output plane."""
    return (after[:, 2] <= -1) | (after[:, 2] >= 1)


def outside(raw: Float[Tensor, "n 3"]) -> Bool[Tensor, " n"]:
    """Whether raw left the lattice sideways, and needs reflection."""
    return (raw[:, :2].abs() > 1).any(dim=1)


def reflected(raw: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    """x, y mirrored at ±1 (x < −1 → −2 − x, x > 1 → 2 − x); z as it is, even beyond a plane."""
    side = raw[:, :2]
    mirrored = torch.where(side < -1, -2 - side, torch.where(side > 1, 2 - side, side))
    return torch.cat([mirrored, raw[:, 2:]], dim=1)


def on_plane(position: Float[Tensor, "n 3"], plane: Int[Tensor, " n"]) -> Float[Tensor, "n 3"]:
    """The position with z set to −1 (plane 1) or +1 (plane 2)."""
    z = (2 * plane - 3).to(position.dtype)
    return torch.cat([position[:, :2], z[:, None]], dim=1)


def offspring(
    before: Float[Tensor, "n 3"], after: Float[Tensor, "n 3"], spawn: Spawn
) -> Int[Tensor, " n"]:
    """Children of each flow: min(⌊|Δ|/τ⌋ − 1, most) where |Δ| > τ, never below 0; int64."""
    stretch = torch.linalg.vector_norm(after - before, dim=1) / spawn.threshold
    return (stretch.floor().long() - 1).clamp(0, spawn.most)


def stalled(history: list[float]) -> int:
    """For how many steps in a row the moving average of ``history`` grew by less than 1 %."""
    means = [sum(history[i - WINDOW : i]) / WINDOW for i in range(WINDOW, len(history) + 1)]
    count = 0
    for old, new in pairwise(means):
        count = count + 1 if new - old < GROWTH * old else 0
    return count


def verdict(stop: Stop, history: list[float], active: int) -> int:
    """Whether a forward ends before its next step, and why (0: it goes on).

    ``history`` holds the share of created flows that had completed after each step.
    The found rule "no active flow and less than half done" adds nothing: no active flow
    ends the loop by itself.
    """
    if active == 0:
        return NO_ACTIVE
    if len(history) < stop.after or not history:
        return ALL_STEPS
    if history[-1] >= stop.share:
        return SHARE
    count = stalled(history)
    if count >= stop.patience:
        return STALLED
    if len(history) > 10 and history[-1] > 0.8 and count > stop.patience / 2:
        return NEARLY
    return ALL_STEPS


def projection_age(case: FlowCase) -> int:
    """Updates after which a flow is projected, ⌊D/2⌋."""
    return case.depth // 2
