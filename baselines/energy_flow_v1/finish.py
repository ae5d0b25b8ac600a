"""Final marking: what becomes of flows that have not reached a plane."""

from __future__ import annotations

import torch

from baselines.engine import Step, clone, same

from .case import FlowCase
from .geometry import UNKNOWN, Z0, ZDEPTH
from .parts import closed
from .state import FlowState


def finish(case: FlowCase) -> Step:
    """Stage: what becomes of flows that are still active after the last step.

    As found z ≤ 0 completes on z0 and the rest is lost; repaired, |z| ≥ 1 completes.
    """
    if not case.runs("finish"):
        return lambda state: same(case, state)
    found = case.rules.keeps("marking")

    def mark(state: FlowState) -> FlowState:
        z = state.position[:, 2]
        plane = torch.where(z <= (0 if found else -1), Z0, UNKNOWN)
        # as found the test for zdepth is z ≥ D − 1, true of z = 1 at D = 2 only
        plane = torch.where(z >= (case.depth - 1 if found else 1), ZDEPTH, plane)
        rows = (state.active & (plane != UNKNOWN)).nonzero().flatten()
        return closed(clone(state), rows, plane[rows])

    return mark
