"""One native loop a step: the field is read once, it and H are written once.

The field stays as it is, real and imaginary parts in turn. H has real weights, so it is one real
stencil over all numbers; only the advance by i·r·H exchanges the two numbers of a component. A
state is taken over without a copy. In a kernel case T and H take turns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Complex, Float
from torch import Tensor

from baselines.engine import Step
from baselines.tensor_field_v1 import TensorCase, TensorState
from baselines.tensor_field_v1 import engine as baseline
from baselines.tensor_field_v1.scheme import weigh_evidence
from optimizations.tensor_field_blocked.planes import stencil, weights

from . import loops

Field = Complex[Tensor, "Nx Ny D D_out"]
Numbers = Float[Tensor, "Nx Ny numbers"]  # of a field: 2 · D · D_out real ones a site
Sweep = Callable[[Numbers, Numbers, float, Tensor | None], None]  # T, H, r, F


class Drive(NamedTuple):
    """What prior, evidence and current do to the field."""

    Lambda: Field  # Λ
    F: Tensor | None  # (dt/iħ)(Λ + J), flat, where there is a prior or a current


class Working(NamedTuple):
    """The field and H, the drive, and the state that was taken over."""

    T: Numbers
    H: Numbers  # of the T before the step just made; kernel: room for the next
    Lambda: Field  # of the step just made
    drive: Drive | None  # where it was made when the state was taken over
    origin: TensorState
    history: int  # n when it was taken over
    made: int  # steps since then


def numbers(field: Field) -> Numbers:
    """The same memory as real numbers."""
    return torch.view_as_real(field.contiguous()).flatten(2)


def field(case: TensorCase, numbers: Numbers) -> Field:
    """The same memory as a field."""
    return torch.view_as_complex(numbers.view(*case.shape, 2))


def sweep(case: TensorCase) -> Sweep:
    """H and T⁺ in one pass over memory."""
    h = stencil(case)
    D, D_out = case.shape[2:]
    kind = np.dtype(str(case.dtype.to_real()).removeprefix("torch."))
    bound = np.empty((0, 0), kind) if h.V is None else h.V.squeeze(-1).numpy().astype(kind)
    k, diagonal = tuple(map(kind.type, h[:3])), (min(D, D_out), 2 * (D_out + 1))
    advancing = case.part == "step"

    def act(T: Numbers, H: Numbers, rate: float, F: Tensor | None) -> None:
        F = None if F is None else F.numpy()
        rate = kind.type(rate)
        loops.sweep(T.numpy(), H.numpy(), F, bound, advancing, k, rate, *diagonal)

    return act


def drives(case: TensorCase) -> Callable[[TensorState], Drive]:
    """A builder of the drive from the inputs of a state. Without a prior Λ is zero, made once."""
    weigh = weigh_evidence(case)
    still = torch.zeros(case.shape, dtype=case.dtype)

    def drive(state: TensorState) -> Drive:
        Lambda = weigh(state).Lambda if state.prior.numel() else still
        terms = [t for t, given in ((Lambda, state.prior), (state.current, state.current))
                 if given.numel()]  # fmt: skip
        if not terms:
            return Drive(Lambda, None)
        F = case.dt / (1j * case.hbar) * sum(terms[1:], terms[0])
        return Drive(Lambda, numbers(F).flatten())

    return drive


def adopt(case: TensorCase, state: TensorState) -> Working:
    """The fields themselves, where they lie in a row and apart from each other."""
    T, H = numbers(state.T), numbers(state.H)
    if H.data_ptr() == T.data_ptr():
        H = torch.empty_like(T)
    drive = Drive(state.Lambda, None) if case.part == "kernel" else None
    return Working(T, H, state.Lambda, drive, state, int(state.history), 0)


def adopt_driven(case: TensorCase, state: TensorState) -> Working:
    """As ``adopt``; the drive is made once, as nothing moves prior, evidence and current."""
    working = adopt(case, state)
    return working if working.drive else working._replace(drive=drives(case)(state))


def observe(case: TensorCase, working: Working) -> TensorState:
    """The canonical state: the counters are read here."""
    T, H = field(case, working.T), field(case, working.H)
    origin, made = working.origin, working.made
    state = origin._replace(T=T, H=H, Lambda=working.Lambda)
    if not made:
        return state
    if case.part == "kernel":
        return state._replace(H=T)
    n = min(working.history + made - 1, case.window)
    return state._replace(
        weight=weights(case)[n],
        history=torch.tensor(min(n + 1, case.window)),
        count=origin.count + made,
    )


def native(case: TensorCase) -> Step:
    """The step on fields that it writes into."""
    act, drive, kernel = sweep(case), drives(case), case.part == "kernel"
    rates = ((1 - weights(case)) * (case.dt / case.hbar**2)).tolist()

    def step(working: Working) -> Working:
        T, H, _, known, origin, history, made = working
        Lambda, F = known or drive(origin)
        act(T, H, rates[min(history + made, case.window)], F)
        if kernel:
            T, H = H, T
        return Working(T, H, Lambda, known, origin, history, made + 1)

    return step


engine = replace(
    baseline,
    stepper=native,
    adopt=adopt,
    observe=observe,
    in_place=True,
    needs=("numba",),
    opaque="one native kernel a step",
)
