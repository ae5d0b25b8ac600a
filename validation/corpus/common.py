"""Shared parts of the controls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from baselines.engine import Case, Engine, State, Step, fields

Spoil = Callable[[Step, State], State]
# engine: (a small case on which all of it happens, a field that moves there)
SMALL = {
    "lattice_field_v1": ("odd_2d", "E"),
    "probabilistic_field_v1": ("peaks", "E"),
    "energy_flow_v1": ("tiny_steps", "energy"),
    "tensor_field_v1": ("axis_0", "T"),
}
LATTICE, PROBABILISTIC, FLOW, TENSOR = SMALL


def stepping(spoil: Spoil, **others) -> Callable[[Engine], Engine]:
    """A candidate whose step is spoil(right step, state)."""

    def build(right: Engine) -> Engine:
        def stepper(case: Case) -> Step:
            step = right.prepare(case)
            return lambda state: spoil(step, state)

        return replace(right, stepper=stepper, **others)

    return build


def wrapped(wrap: Callable[[Step, Case], Step], **others) -> Callable[[Engine], Engine]:
    """A candidate whose step is wrap(right step, case): for what remembers."""

    def build(right: Engine) -> Engine:
        return replace(right, stepper=lambda case: wrap(right.prepare(case), case), **others)

    return build


def first_moving(state: State) -> str:
    """The field that entries spoil: E, T or energy."""
    return next(name for name in ("E", "T", "energy") if name in state._fields)


def put(state: State, act: Callable[[torch.Tensor], torch.Tensor]) -> State:
    """The state with that field replaced by act(field)."""
    name = first_moving(state)
    return state._replace(**{name: act(fields(state)[name])})
