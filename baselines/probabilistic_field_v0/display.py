"""Figures of a state for display, refreshed now and then."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .rules import BOUND
from .state import FieldState

REFRESH = 10  # frames
NODES_CAP = 1e9


@dataclass(frozen=True)
class Metrics:
    """What a display shows; node energies in the units of the field."""

    nodes: int  # whole statistical nodes in the field
    energy: float  # of the field, within ±1e6
    workspace_nodes: int
    mean: float  # of the workspace energies
    lowest: float
    highest: float
    spawns: int
    deaths: int


def metrics(state: FieldState) -> Metrics:
    """The figures of a state. Node energies are summed in float32 at least.

    Raises:
        ValueError: where a field is not finite.
    """
    for name in ("E", "R", "w"):
        if not torch.isfinite(getattr(state, name)).all():
            raise ValueError(f"{name} holds values that are not finite; allowed: finite values")
    w = state.w.to(torch.promote_types(state.w.dtype, torch.float32))
    return Metrics(
        nodes=int(min(max(float(state.R.sum()), 0.0), NODES_CAP)),
        energy=min(max(float(state.E.sum()), -BOUND), BOUND),
        workspace_nodes=w.numel(),
        mean=float(w.mean()),
        lowest=float(w.min()),
        highest=float(w.max()),
        spawns=int(state.spawns),
        deaths=int(state.deaths),
    )


class Display:
    """The latest figures, none before ten frames have passed and refreshed every ten."""

    def __init__(self):
        self.shown: Metrics | None = None
        self.refreshed = 0  # frame

    def read(self, state: FieldState) -> Metrics | None:
        """The figures to show beside this state: its own, or up to ten frames old."""
        frame = int(state.frame)
        if frame - self.refreshed >= REFRESH:
            self.shown, self.refreshed = metrics(state), frame
        return self.shown
