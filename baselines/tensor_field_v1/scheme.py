"""Start and stages of the step."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float64
from torch import Tensor

from baselines.engine import Stage, Step

from .geometry import checked
from .operators import Field, hamiltonian
from .potential import potential
from .state import TensorCase, TensorState, refuse_bad_state

EPSILON = 1e-12  # keeps the Bayesian norm from dividing by zero


def noise(case: TensorCase, generator: torch.Generator) -> Field:
    """Complex white noise, E|T|² = 1: real parts are drawn first, then imaginary ones.

    Drawn in float32 whatever the case's dtype, so that the truth starts where it does.
    """
    real = torch.randn(case.shape, generator=generator, dtype=torch.float32)
    imaginary = torch.randn(case.shape, generator=generator, dtype=torch.float32)
    return (torch.complex(real, imaginary) / math.sqrt(2)).to(case.dtype)


def start(case: TensorCase) -> TensorState:
    """White noise for T, then for prior, evidence and current where the case has them."""
    generator = case.generator()
    T = noise(case, generator)
    inputs = (
        noise(case, generator) if wanted else T.new_zeros((0, 0, 0, 0))
        for wanted in (case.prior, case.evidence, case.current)
    )
    zero = torch.tensor(0)
    empty = torch.zeros_like(T)
    state = TensorState(T, empty, empty.clone(), zero.double(), zero, zero.clone(), *inputs)
    refuse_bad_state(case, state)
    return TensorState(*(t.to(case.device) for t in state))


def initial(case: TensorCase) -> TensorState:
    """The start of a case.

    Raises:
        ValueError: a metric that is not positive and finite, or empty.
    """
    if case.metric is not None:
        checked(case.metric)
    return start(case)


def apply_hamiltonian(case: TensorCase) -> Step:
    """Stage: H ← H[T; g, V]."""
    V = potential(case)
    metric = None if case.metric is None else checked(case.metric).to(case.device)

    def apply(state: TensorState) -> TensorState:
        H = hamiltonian(state.T, hbar=case.hbar, m=case.m, metric=metric, V=V)
        return state._replace(H=H)

    return apply


def memory_weight(history: Tensor, alpha: float, lambda_F: float) -> Float64[Tensor, ""]:
    """w_mem = clamp(α ln(1 + n) λ_F, 0, 1), in float64 as on the host."""
    return (alpha * torch.log1p(history.double()) * lambda_F).clamp(0.0, 1.0)


def collapsed(P: Field, evidence: Field | None, tau: float) -> Field:
    """B[P] = w P / (Σ w|P|² + ε), w = exp(−|P − evidence|²/τ); P itself where Σ w|P|² ≤ ε."""
    size = P.abs() ** 2
    w = torch.ones_like(size) if evidence is None else torch.exp(-((P - evidence).abs() ** 2) / tau)
    total = (w * size).sum()
    return torch.where(total > EPSILON, w * P / (total + EPSILON), P)


def weigh_evidence(case: TensorCase) -> Step:
    """Stage: Λ ← λ_QR (B[P] − P), zeros without a prior (evidence then counts for nothing)."""
    if case.part == "kernel":
        return lambda state: state

    def weigh(state: TensorState) -> TensorState:
        P = state.prior
        if P.numel() == 0:
            return state._replace(Lambda=torch.zeros_like(state.T))
        evidence = state.evidence if state.evidence.numel() else None
        return state._replace(Lambda=case.lambda_QR * (collapsed(P, evidence, case.tau) - P))

    return weigh


def remember(case: TensorCase) -> Step:
    """Stage: w_mem from the history before this step."""
    if case.part == "kernel":
        return lambda state: state

    def weigh(state: TensorState) -> TensorState:
        return state._replace(weight=memory_weight(state.history, case.alpha, case.lambda_F))

    return weigh


def advance(case: TensorCase) -> Step:
    """Stage: T ← T + (dt/iħ)(−(1 − w) H/ħ + Λ + J), counters; kernel cases: T ← H."""
    if case.part == "kernel":
        return lambda state: state._replace(T=state.H)

    def euler(state: TensorState) -> TensorState:
        G = state.H / case.hbar
        drive = -((1 - state.weight) * G) + state.Lambda
        if state.current.numel():
            drive = drive + state.current
        T = state.T + (case.dt / (1j * case.hbar)) * drive
        history = (state.history + 1).clamp(max=case.window)
        return state._replace(T=T, history=history, count=state.count + 1)

    return euler


def least_bytes(case: TensorCase) -> int:
    """Read T and write T; and read Λ + J, one array, where there is any. Bytes a step."""
    forced = case.part == "step" and (case.prior or case.current)
    return (2 + forced) * math.prod(case.shape) * case.dtype.itemsize


STAGES = (
    Stage("hamiltonian", apply_hamiltonian),
    Stage("bayesian", weigh_evidence),
    Stage("memory", remember),
    Stage("advance", advance),
)
