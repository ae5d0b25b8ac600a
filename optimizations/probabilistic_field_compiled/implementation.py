"""The sweeps over the field compiled by torch, each fused into one loop; FFTs stay a library's.

`dynamic=False`: a second shape in the same process would otherwise switch to symbolic sizes and
lose vectorization. What a cell sends is written to a padded array first, whose shifted slices
are then read: as shifts of the whole grid, eight times over, it would be computed eight times.
The one frame in thirty that counts births, and frames in which nothing moves, turn over and
decay by torch calls.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1 import engine as baseline
from optimizations.probabilistic_field_blocked.diffusion import by_axes
from optimizations.probabilistic_field_blocked.stepping import (
    Sweeps,
    Turned,
    canonical,
    frozen_workspace,
    plain,
    stepping,
)
from optimizations.probabilistic_field_blocked.sweeps import NEIGHBOURS, eager

from .cells import compiled
from .nodes import workspace


def fused(case: FieldCase) -> Sweeps:
    """The sweeps over all cells and the seeding, compiled; the rest as it was."""
    torch._dynamo.reset()
    (H, W), by_torch, by_loops = case.shape, eager(case), compiled(case)
    sent = torch.empty((H + 2, W + 2), dtype=case.dtype)
    own = sent[1:-1, 1:-1]
    around = [sent[y : y + H, x : x + W] for y, x in NEIGHBOURS]
    truth = {said: torch.tensor(said) for said in (False, True)}
    peaked: list[int] = []  # found by the sweep before the one that is asked

    def net_flow(E: Tensor, R: Tensor, P: Tensor, net: Tensor) -> int:
        by_loops.send(E, R, P, own)
        sent[0, 1:-1], sent[-1, 1:-1] = sent[-2, 1:-1], sent[1, 1:-1]
        sent[:, 0], sent[:, -1] = sent[:, -2], sent[:, 1]
        return int(by_loops.arrive(E, net, own, around))

    def taken(E: Tensor, net: Tensor, everywhere: bool) -> None:
        """As it arrived."""

    def advance(
        E: Tensor, R: Tensor, net: Tensor, dense: bool, everywhere: bool, count: bool
    ) -> Turned:
        if count:
            return by_torch.advance(E, R, net, dense, everywhere, count)
        populated, peaks = by_loops.live(E, R, net, truth[everywhere])
        peaked.append(int(peaks))
        return 0.0, 0.0, int(populated)

    def decay(E: Tensor, R: Tensor, everywhere: bool) -> int:
        return peaked.pop() if peaked else by_torch.decay(E, R, everywhere)

    return by_torch._replace(
        net_flow=net_flow,
        take=taken,
        advance=advance,
        decay=decay,
        workspace=workspace(case) if plain(case) else frozen_workspace(case),
    )


engine = replace(
    baseline,
    stepper=stepping(fused, by_axes),
    adopt=canonical,
    observe=canonical,
    in_place=True,
    needs=("compiler",),
    opaque="compiled sweeps",
)
