"""What the tensor field obeys, each as an experiment with a residual.

The operators are judged by shifts, not by convolutions: two independent ways to write
the same difference. A version with other edges or axes hands in its own ``Edges``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.engine import Law, Run

from .operators import Field
from .potential import potential
from .scheme import memory_weight
from .state import TensorCase, TensorState

STEPS = 12  # of the experiments: enough for the memory weight to move
PAST = 3  # steps remembered at their start, so that the weight is not zero

Axes = tuple[float, float]


@dataclass(frozen=True)
class Edges:
    """How a version treats the rim of the grid and the order of the axes."""

    difference: Callable[[Tensor, int], Tensor]  # second difference along an axis
    mode: Callable[[int, int], tuple[Tensor, float]]  # n, k: an eigenvector and −eigenvalue
    axes: Callable[[Axes], Axes]  # what a metric's entries do to axis 0 and axis 1


def cyclic_difference(T: Tensor, axis: int) -> Tensor:
    """S+ T + S− T − 2T with cyclic shifts."""
    return torch.roll(T, 1, axis) + torch.roll(T, -1, axis) - 2 * T


def plane_wave(n: int, k: int) -> tuple[Tensor, float]:
    """exp(2πi k x/n) and 2 − 2 cos(2π k/n)."""
    angle = 2 * math.pi * k / n
    return torch.exp(1j * angle * torch.arange(n, dtype=torch.float64)), 2 - 2 * math.cos(angle)


CYCLIC = Edges(cyclic_difference, plane_wave, lambda g: g)


def pair(metric: tuple[float, ...] | None) -> Axes:
    """The two entries of a metric that act; flat space is (1, 1)."""
    if metric is None:
        return (1.0, 1.0)
    return (metric[0], metric[1] if len(metric) > 1 else metric[0])


def free(case: TensorCase) -> bool:
    """Nothing but the Laplacian acts."""
    return case.potential is None and unforced(case)


def unforced(case: TensorCase) -> bool:
    """No prior and no current: the step is linear."""
    return not (case.prior or case.current)


def stepping(case: TensorCase) -> bool:
    return case.part == "step" and unforced(case)


def weight(case: TensorCase, history: int) -> float:
    n = torch.tensor(min(history, case.window))
    return float(memory_weight(n, case.alpha, case.lambda_F))


def energy_operator(case: TensorCase, edges: Edges, T: Field) -> Field:
    """H[T] by shifts."""
    gx, gy = edges.axes(pair(case.metric))
    laplacian = gx * edges.difference(T, 0) + gy * edges.difference(T, 1)
    kinetic = -(case.hbar**2 / (2 * case.m)) * laplacian
    V = potential(case)
    return kinetic if V is None else kinetic + V * T


def closed_form(edges: Edges) -> Callable[[TensorCase, TensorState, Run], float]:
    """One step against T + i(1 − w)(dt/ħ²) H[T], or against H[T] for the kernel."""

    def residual(case: TensorCase, start: TensorState, run: Run) -> float:
        start = start._replace(history=torch.full_like(start.history, min(PAST, case.window)))
        H = energy_operator(case, edges, start.T)
        rate = 1j * (1 - weight(case, PAST)) * case.dt / case.hbar**2
        expected = H if case.part == "kernel" else start.T + rate * H
        return float((run(start, 1).T - expected).abs().max() / start.T.abs().max())

    return residual


def norm_growth(edges: Edges) -> Callable[[TensorCase, TensorState, Run], float]:
    """‖T′‖² − ‖T‖² − ((1 − w) dt/ħ²)² ‖H[T]‖²: the cross term vanishes as H is Hermitian."""

    def residual(case: TensorCase, start: TensorState, run: Run) -> float:
        start = start._replace(history=torch.full_like(start.history, min(PAST, case.window)))
        H = energy_operator(case, edges, start.T)
        rate = (1 - weight(case, PAST)) * case.dt / case.hbar**2
        after = run(start, 1).T
        before, grown, after = (float((t.abs() ** 2).sum()) for t in (start.T, rate * H, after))
        return abs(after - before - grown) / before

    return residual


def mode_factor(edges: Edges) -> Callable[[TensorCase, TensorState, Run], float]:
    """Worst departure of eigenmodes, along each axis and oblique, from their factors:

    λ = Σ_a g[a] μ_a / 2m with μ_a the mode's own −eigenvalue on axis a; per step the mode
    is multiplied by 1 + i dt (1 − w) λ, or by ħ² λ in the kernel.
    """

    def residual(case: TensorCase, start: TensorState, run: Run) -> float:
        steps, worst = min(case.steps, STEPS), 0.0
        for modes in ((1, 0), (0, 1), (1, 2)):
            (u, mu_x), (v, mu_y) = (
                edges.mode(n, k) for n, k in zip(case.shape, modes, strict=False)
            )
            gx, gy = edges.axes(pair(case.metric))
            lam = (gx * mu_x + gy * mu_y) / (2 * case.m)
            wave = (u[:, None] * v[None, :]).to(start.T)[:, :, None, None] * start.T[:1, :1]
            end = run(start._replace(T=wave), steps).T
            expected = wave * product(case, lam, int(start.history), steps)
            worst = max(worst, float((end - expected).abs().max() / wave.abs().max()))
        return worst

    return residual


def product(case: TensorCase, lam: float, history: int, steps: int) -> complex:
    """What ``steps`` steps multiply a mode by."""
    factor = 1.0 + 0.0j
    for n in range(history, history + steps):
        if case.part == "kernel":
            factor *= case.hbar**2 * lam
        else:
            factor *= 1 + 1j * case.dt * (1 - weight(case, n)) * lam
    return factor


def uneven(case: TensorCase, start: TensorState) -> Field:
    """A second field, unlike the start, of the same size."""
    return torch.roll(start.T.conj(), 1, 0) * 1j + start.T.flip(1)


def superposition(case: TensorCase, start: TensorState, run: Run) -> float:
    """Departure of the step from an affine map: S(aT + (1 − a)U) = aS(T) + (1 − a)S(U)."""
    a, steps, U = 0.3 - 0.8j, min(case.steps, STEPS), uneven(case, start)
    ends = (run(start._replace(T=T), steps).T for T in (start.T, U))
    mixed = run(start._replace(T=a * start.T + (1 - a) * U), steps).T
    expected = sum(c * T for c, T in zip((a, 1 - a), ends, strict=True))
    return float((mixed - expected).abs().max() / mixed.abs().max().clamp_min(1e-300))


def hermiticity(case: TensorCase, start: TensorState, run: Run) -> float:
    """⟨u, Hv⟩ − ⟨Hu, v⟩ with H read off one step: it is (S − 1)/i up to a real factor."""
    fields = (start.T, uneven(case, start))
    zero = run(start._replace(T=torch.zeros_like(start.T)), 1).T
    moved = [run(start._replace(T=T), 1).T - zero for T in fields]
    if case.part == "step":
        moved = [(after - before) / 1j for after, before in zip(moved, fields, strict=True)]
    (u, v), (Hu, Hv) = fields, moved
    gap = (u.conj() * Hv).sum() - (Hu.conj() * v).sum()
    return float(gap.abs() / (Hu.norm() * v.norm()).clamp_min(1e-300))


def mean_drift(case: TensorCase, start: TensorState, run: Run) -> float:
    """Change of Σ_xy T: Σ_xy ∇²T = 0, so the kernel's sum is 0 and the step's stands."""
    total = start.T.sum(dim=(0, 1))
    after = run(start, min(case.steps, STEPS)).T.sum(dim=(0, 1))
    expected = torch.zeros_like(total) if case.part == "kernel" else total
    return float((after - expected).abs().max() / start.T.abs().sum(dim=(0, 1)).max())


def rolled(state: TensorState, shift: tuple[int, int]) -> TensorState:
    """The state moved across the grid, its inputs with it."""
    return type(state)(*(torch.roll(t, shift, (0, 1)) if t.numel() > 1 else t for t in state))


def equivariance(case: TensorCase, start: TensorState, run: Run) -> float:
    """Step of the moved field against the moved step of the field."""
    shift, steps = (1, 2), min(case.steps, STEPS)
    after = run(rolled(start, shift), steps).T
    expected = torch.roll(run(start, steps).T, shift, (0, 1))
    return float((after - expected).abs().max() / expected.abs().max().clamp_min(1e-300))


def uniformity(case: TensorCase, start: TensorState, run: Run) -> float:
    """Departure of a field that is the same everywhere from standing still (kernel: from 0)."""
    T = start.T[:1, :1].expand(case.shape).contiguous()
    expected = torch.zeros_like(T) if case.part == "kernel" else T
    end = run(start._replace(T=T), min(case.steps, STEPS)).T
    return float((end - expected).abs().max() / T.abs().max())


def laws(edges: Edges) -> tuple[Law, ...]:
    """The laws that hold whatever the edges."""
    return (
        Law(
            "closed form",
            "T′ = T − i(1 − w)(dt/2m)∇²T + i(1 − w)(dt/ħ²)V∘T; kernel: T′ = H[T]",
            closed_form(edges),
            1e-13,
            unforced,
        ),
        Law(
            "norm growth",
            "‖T′‖² = ‖T‖² + ((1 − w) dt/ħ²)² ‖H[T]‖²",
            norm_growth(edges),
            1e-13,
            stepping,
        ),
        Law(
            "mode factor",
            "an eigenmode is multiplied by 1 + i dt (1 − w) λ a step (kernel: ħ²λ), on every axis",
            mode_factor(edges),
            1e-12,
            free,
        ),
        Law("superposition", "the step is an affine map of T", superposition, 1e-12),
        Law("hermiticity", "⟨u, Hv⟩ = ⟨Hu, v⟩", hermiticity, 1e-12),
    )


LAWS = (
    *laws(CYCLIC),
    Law("mean", "Σ_xy T stands still, as Σ_xy ∇²T = 0", mean_drift, 1e-13, free),
    Law(
        "translation",
        "moving the field and stepping it commute",
        equivariance,
        1e-12,
        lambda case: case.potential is None,
    ),
    Law("uniform field", "∇² of a constant is 0", uniformity, 1e-13, free),
)
