"""Real and imaginary parts in planes of their own: the field and H[T], each in one buffer.

    T⁺ = T + i r H[T] + F,   r = (1 − w) dt/ħ²,   F = (dt/iħ)(Λ + J);   kernel: T⁺ = H[T]

so the real part advances by −r H[imaginary part] and the imaginary part by r H[real part]:
two real stencils, and no complex arithmetic. H is written as it is made and T advances in
place behind it: a row of T may change once H of the rows beside it stands. In a kernel case
the two buffers take turns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from baselines.engine import Engine, Step
from baselines.tensor_field_v1 import TensorCase, TensorState
from baselines.tensor_field_v1 import engine as baseline
from baselines.tensor_field_v1.potential import potential
from baselines.tensor_field_v1.scheme import memory_weight, weigh_evidence

Planes = Float[Tensor, "2 Nx Ny components"]
Sweep = Callable[[Planes, Planes, float, Planes | None], Planes]  # T, room, r, F: H[T], T moved


class Force(NamedTuple):
    """What prior, evidence and current do to the field."""

    Lambda: Complex[Tensor, "Nx Ny D D_out"]  # Λ
    F: Planes | None  # (dt/iħ)(Λ + J), where there is a prior or a current


class Working(NamedTuple):
    """The field and H, the force, and the state that was taken over."""

    T: Planes
    H: Planes  # of the T before the step just made; kernel: room for the next
    Lambda: Complex[Tensor, "Nx Ny D D_out"]  # of the step just made
    force: Force | None  # where it was made when the state was taken over
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


def advance(T: Planes, H: Planes, rate: float, F: Planes | None) -> None:
    """T += i · rate · H + F: each plane by H of the other one."""
    for plane, turned in ((0, -rate), (1, rate)):
        if F is None:
            T[plane].add_(H[1 - plane], alpha=turned)
        else:  # small terms first: the sum is rounded once
            T[plane].add_(torch.add(F[plane], H[1 - plane], alpha=turned))


def forces(case: TensorCase) -> Callable[[TensorState], Force]:
    """A builder of the force from the inputs of a state. Without a prior Λ is zero, made once."""
    weigh = weigh_evidence(case)
    still = torch.zeros(case.shape, dtype=case.dtype, device=case.device)

    def force(state: TensorState) -> Force:
        if case.part == "kernel":
            return Force(state.Lambda, None)
        Lambda = weigh(state).Lambda if state.prior.numel() else still
        terms = [t for t, given in ((Lambda, state.prior), (state.current, state.current))
                 if given.numel()]  # fmt: skip
        if not terms:
            return Force(Lambda, None)
        return Force(Lambda, split(case.dt / (1j * case.hbar) * sum(terms[1:], terms[0])))

    return force


def adopt(case: TensorCase, state: TensorState) -> Working:
    return Working(split(state.T), split(state.H), state.Lambda, None, state, 0)


def adopt_driven(case: TensorCase, state: TensorState) -> Working:
    """As ``adopt``; the force is made once, as nothing moves prior, evidence and current."""
    return adopt(case, state)._replace(force=forces(case)(state))


def weights(case: TensorCase) -> Tensor:
    """w_mem for every length of the history there can be."""
    return memory_weight(torch.arange(case.window + 1), case.alpha, case.lambda_F)


def observe(case: TensorCase, working: Working) -> TensorState:
    """The canonical state: the planes joined, the counters read."""
    T, H, Lambda, _, origin, made = working
    state = origin._replace(T=joined(case, T), H=joined(case, H), Lambda=Lambda)
    if not made:
        return state
    if case.part == "kernel":
        return state._replace(H=state.T)
    n = min(int(origin.history) + made - 1, case.window)
    return state._replace(
        weight=weights(case)[n],
        history=torch.tensor(min(n + 1, case.window)),
        count=origin.count + made,
    )


def stepper(sweep: Callable[[TensorCase], Sweep]) -> Callable[[TensorCase], Step]:
    """A builder of the step from a builder of the sweep over the grid."""

    def build(case: TensorCase) -> Step:
        act, force = sweep(case), forces(case)
        rates = ((1 - weights(case)) * (case.dt / case.hbar**2)).tolist()

        def step(working: Working) -> Working:
            T, H, _, known, origin, made = working
            Lambda, F = force(origin) if known is None else known
            H = act(T, H, rates[min(int(origin.history) + made, case.window)], F)
            if case.part == "kernel":
                T, H = H, T
            return Working(T, H, Lambda, known, origin, made + 1)

        return step

    return build


def engine(sweep: Callable[[TensorCase], Sweep], **changes) -> Engine:
    """The frozen engine with its step made of one sweep over planes."""
    swept = replace(baseline, stepper=stepper(sweep), adopt=adopt, observe=observe, in_place=True)
    return replace(swept, **changes)
