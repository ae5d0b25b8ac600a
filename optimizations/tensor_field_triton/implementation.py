"""One Triton kernel a step: the field is read once, it and H are written once, in planes.

Real and imaginary parts lie apart, as in `tensor_field_blocked`. Programs of a GPU have no order,
so the field advances into a second buffer, and the two take turns.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from torch import Tensor

from baselines.device import on_device
from baselines.engine import Step
from baselines.tensor_field_v1 import TensorCase, TensorState
from baselines.tensor_field_v1 import engine as baseline
from optimizations.tensor_field_blocked import planes
from optimizations.tensor_field_blocked.planes import Planes, forces, split, weights


class Working(NamedTuple):
    """The field, room for the next, H, the force, and the state that was taken over."""

    T: Planes
    room: Planes
    H: Planes  # of the T before the step just made; kernel cases need none
    Lambda: Tensor  # of the step just made
    force: planes.Force
    origin: TensorState
    remembered: int  # steps, when the state was taken over
    made: int  # since then


def adopt(case: TensorCase, state: TensorState) -> Working:
    """The force is made once, as nothing moves prior, evidence and current."""
    T, H = split(state.T), split(state.H)
    history = int(state.history)
    room = H.clone()
    return Working(T, room, H, state.Lambda, forces(case)(state), state, history, 0)


def observe(case: TensorCase, working: Working) -> TensorState:
    """The canonical state."""
    T, _, H, Lambda, _, origin, _, made = working
    return planes.observe(case, planes.Working(T, H, Lambda, None, origin, made))


def stepper(case: TensorCase) -> Step:
    """The step over planes of that device."""
    from .kernels import sweep  # late: Triton is there where a GPU is

    act = sweep(case)
    rates = ((1 - weights(case)) * (case.dt / case.hbar**2)).to(case.device, case.dtype.to_real())

    def step(working: Working) -> Working:
        T, room, H, _, (Lambda, F), origin, remembered, made = working
        act(T, room, H, rates, min(remembered + made, case.window), F)
        return working._replace(T=room, room=T, Lambda=Lambda, made=made + 1)

    return step


engine = replace(
    on_device(replace(baseline, stepper=stepper, adopt=adopt, observe=observe), "cuda"),
    in_place=True,
    needs=("cuda", "triton"),
    opaque="one Triton kernel a step",
)
