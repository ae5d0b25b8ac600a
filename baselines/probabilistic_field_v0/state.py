"""The state of the field, and the record of what a step decided."""

from __future__ import annotations

from collections import namedtuple
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from baselines.engine import Case

BRANCHES = (
    "diffused",
    "flow_dense",
    "seeded",
    "density_ran",
    "density_dense",
    "consumed",
    "consumption_dense",
    "damped",
    "damping_dense",
)
FRACTIONS = ("active", "inactive", "populated", "peaked")


class FieldState(NamedTuple):
    """Fields, workspace, counters and the decisions of the step just made (−1 before it).

    Shapes and units in the package docstring.
    """

    E: Float[Tensor, "H W"]
    R: Float[Tensor, "H W"]
    P: Float[Tensor, "H W"]
    w: Float[Tensor, "h columns"]
    frames: Shaped[Tensor, "count rows cols"]
    frame: Int[Tensor, ""]
    spawns: Int[Tensor, ""]
    deaths: Int[Tensor, ""]
    sum_E: Float[Tensor, ""]
    fractions: Float[Tensor, " fraction"]
    branches: Int[Tensor, " branch"]


# while a step runs: `moving` Bool [H, W], cells whose net flow of this step exceeds the
# threshold, handed from the flow to the density; no part of what a step is compared by
Working = namedtuple("Working", (*FieldState._fields, "moving"))


def adopt(_: Case, state: FieldState) -> Working:
    """The working state: nothing moves before the first flow."""
    return Working(*state, moving=torch.zeros_like(state.E, dtype=torch.bool))


def observe(_: Case, state: Working) -> FieldState:
    """The canonical state: all but the mask of moving cells."""
    return FieldState(*state[:-1])


def decide(state: Working, **taken: bool) -> Int[Tensor, " branch"]:
    """The branch record with those decisions entered: 1 taken, 0 not."""
    return entered(state.branches, BRANCHES, taken)


def measure(state: Working, **found: float) -> Float[Tensor, " fraction"]:
    """The record of fractions with those entered."""
    return entered(state.fractions, FRACTIONS, found)


def entered(record: Tensor, names: tuple[str, ...], values: dict) -> Tensor:
    """A copy of the record with the named entries replaced."""
    record = record.clone()
    for name, value in values.items():
        record[names.index(name)] = value
    return record


def fraction(mask: Bool[Tensor, "H W"]) -> float:
    """The part of the cells for which the mask holds."""
    return int(mask.sum()) / mask.numel()
