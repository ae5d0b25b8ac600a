"""What is read off a tensor field: norm, energies, entropy, time.

Sums run over every site and component; results are 0-d real tensors.
"""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from .operators import Field, hamiltonian, refuse_bad_field
from .potential import potential
from .state import TensorCase, TensorState

Scalar = Float[Tensor, ""]


def squared_norm(T: Field) -> Scalar:
    """‖T‖² = Σ|T|²."""
    refuse_bad_field(T)
    return (T.abs() ** 2).sum()


def expectation_energy(T: Field, H: Field) -> Scalar:
    """⟨T|H⟩ = Re Σ conj(T_ij) H_ij, the expectation of H where H is H[T].

    Raises:
        ValueError: shapes that differ.
    """
    refuse_bad_pair(T, H)
    return (T.conj() * H).sum().real


def energy_without_transpose(T: Field, H: Field) -> Scalar:
    """Re Σ conj(T_ij) H_ji: a dagger that lacks its transpose, so no expectation of H.

    Raises:
        ValueError: shapes that differ, or D ≠ D_out.
    """
    refuse_bad_pair(T, H)
    if T.shape[2] != T.shape[3]:
        raise ValueError(f"T has D, D_out = {tuple(T.shape[2:])}; allowed: D = D_out")
    return (T.conj() * H.transpose(2, 3)).sum().real


def refuse_bad_pair(T: Tensor, H: Tensor) -> None:
    refuse_bad_field(T)
    refuse_bad_field(H)
    if T.shape != H.shape:
        raise ValueError(f"H has shape {tuple(H.shape)}; allowed: {tuple(T.shape)}, that of T")


def energy(case: TensorCase, state: TensorState) -> Scalar:
    """⟨T|H|T⟩ of the present T."""
    H = hamiltonian(state.T, hbar=case.hbar, m=case.m, metric=case.metric, V=potential(case))
    return expectation_energy(state.T, H)


def unitarity_deviation(T: Field) -> Scalar:
    """|‖T‖²/(Nx Ny D D_out) − 1|: departure from the mean of the start."""
    return (squared_norm(T) / T.numel() - 1).abs()


def entropy(T: Field, *, nu: float) -> Scalar:
    """Σ_xy (Σ_ij |T_ij|²)^ν.

    Raises:
        ValueError: ν below 0 or not finite.
    """
    refuse_bad_field(T)
    if not (math.isfinite(nu) and nu >= 0):
        raise ValueError(f"nu is {nu}; allowed: a finite number, at least 0")
    return ((T.abs() ** 2).sum(dim=(2, 3)) ** nu).sum()


def elapsed(case: TensorCase, state: TensorState) -> float:
    """Time since the start, count · dt."""
    return int(state.count) * case.dt
