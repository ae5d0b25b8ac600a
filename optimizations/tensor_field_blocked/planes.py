"""Real and imaginary parts in planes of their own, in two buffers that take turns.

    T⁺ = T + i r H[T] + F,   r = (1 − w) dt/ħ²,   F = (dt/iħ)(Λ + J);   kernel: T⁺ = H[T]

so the real part advances by −r H[imaginary part] and the imaginary part by r H[real part]:
two real stencils, and no complex arithmetic. The working state keeps the field of the step
before; H and w of the canonical state are made from it when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from baselines.engine import Engine, Step
from baselines.tensor_field_v1 import TensorCase, TensorState, hamiltonian
from baselines.tensor_field_v1 import engine as baseline
from baselines.tensor_field_v1.potential import potential
from baselines.tensor_field_v1.scheme import memory_weight, weigh_evidence

Planes = Float[Tensor, "2 Nx Ny components"]
Sweep = Callable[[Planes, Planes, float, Planes | None], None]  # T, T⁺ (written), r, F


class Working(NamedTuple):
    """The field, the buffer that the next one is written to, and what never changes."""

    T: Planes
    other: Planes  # holds the field of the step before, from the first step on
    drive: Planes | None  # F, where it was made when the state was taken over
    origin: TensorState
    made: int  # steps since then


class Stencil(NamedTuple):
    """H = centre + x (S+0 + S−0) + y (S+1 + S−1) + V, V [Nx, Ny, 1] on components i = j."""

    centre: float
    x: float
    y: float
    V: Float[Tensor, "Nx Ny 1"] | None


def stencil(case: TensorCase) -> Stencil:
    """The weights of H[T] for a case."""
    g = (1.0, 1.0) if case.metric is None else case.metric
    gx, gy = g[0], g[1 if len(g) > 1 else 0]
    unit = case.hbar * case.hbar / (2 * case.m)
    V = potential(case)
    V = None if V is None else V[:, :, 0, :1].real.contiguous()
    return Stencil(2 * unit * (gx + gy), -unit * gx, -unit * gy, V)


def diagonal(plane: Float[Tensor, "*grid components"], case: TensorCase) -> Tensor:
    """The components i = j, as a view [*grid, min(D, D_out)]."""
    return plane.unflatten(-1, case.shape[2:]).diagonal(0, -2, -1)


def split(T: Complex[Tensor, "Nx Ny D D_out"]) -> Planes:
    return torch.stack((T.real, T.imag)).flatten(-2)


def joined(case: TensorCase, planes: Planes) -> Complex[Tensor, "Nx Ny D D_out"]:
    return torch.complex(*planes).reshape(case.shape)


def driven(case: TensorCase, state: TensorState) -> Planes | None:
    """F = (dt/iħ)(Λ + J); None where there is neither prior nor current."""
    terms = [t for t in (state.Lambda if state.prior.numel() else state.prior, state.current)
             if t.numel()]  # fmt: skip
    if case.part == "kernel" or not terms:
        return None
    return split(case.dt / (1j * case.hbar) * sum(terms[1:], terms[0]))


def adopt(case: TensorCase, state: TensorState) -> Working:
    T = split(state.T)
    return Working(T, T.clone(), None, state, 0)


def adopt_driven(case: TensorCase, state: TensorState) -> Working:
    """As ``adopt``; what prior, evidence and current drive is made once, as nothing moves it."""
    state = weigh_evidence(case)(state)
    return adopt(case, state)._replace(drive=driven(case, state))


def weights(case: TensorCase) -> Tensor:
    """w_mem for every length of the history there can be."""
    return memory_weight(torch.arange(case.window + 1), case.alpha, case.lambda_F)


def observe(case: TensorCase, working: Working) -> TensorState:
    """The canonical state."""
    T, before, _, origin, made = working
    if not made:
        return origin
    T = joined(case, T)
    if case.part == "kernel":
        return origin._replace(T=T, H=T)
    n = min(int(origin.history) + made - 1, case.window)
    H = hamiltonian(
        joined(case, before), hbar=case.hbar, m=case.m, metric=case.metric, V=potential(case)
    )
    return weigh_evidence(case)(origin)._replace(
        T=T,
        H=H,
        weight=weights(case)[n],
        history=torch.tensor(min(n + 1, case.window)),
        count=origin.count + made,
    )


def stepper(sweep: Callable[[TensorCase], Sweep]) -> Callable[[TensorCase], Step]:
    """A builder of the step from a builder of the sweep over the grid."""

    def build(case: TensorCase) -> Step:
        act, evidence = sweep(case), weigh_evidence(case)
        rates = ((1 - weights(case)) * (case.dt / case.hbar**2)).tolist()

        def step(working: Working) -> Working:
            T, other, drive, origin, made = working
            if drive is None and (origin.prior.numel() or origin.current.numel()):
                drive = driven(case, evidence(origin))
            n = min(int(origin.history) + made, case.window)
            act(T, other, rates[n], drive)
            return Working(other, T, working.drive, origin, made + 1)

        return step

    return build


def engine(sweep: Callable[[TensorCase], Sweep], **changes) -> Engine:
    """The frozen engine with its step made of one sweep over planes."""
    swept = replace(baseline, stepper=stepper(sweep), adopt=adopt, observe=observe, in_place=True)
    return replace(swept, **changes)
