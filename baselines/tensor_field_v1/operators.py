"""Second differences, Laplacians and Hamiltonian of a tensor field, as convolutions.

Fields are [Nx, Ny, D, D_out], complex64 or complex128, on a periodic grid of spacing 1.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Complex
from torch import Tensor

from .geometry import AMBIENT, Ambient, Metric, resolve

Field = Complex[Tensor, "Nx Ny D D_out"]

FLAT = ((0, 1, 0), (1, -4, 1), (0, 1, 0))  # rows run along axis 0, columns along axis 1
ALONG = (
    ((0, 1, 0), (0, -2, 0), (0, 1, 0)),
    ((0, 0, 0), (1, -2, 1), (0, 0, 0)),
)


def refuse_bad_field(T: Tensor) -> None:
    """Raise a ValueError where T is no complex [Nx, Ny, D, D_out] with something in it."""
    if not isinstance(T, Tensor):
        raise ValueError(f"T is a {type(T).__name__}; allowed: a tensor")
    if T.ndim != 4 or T.numel() == 0:
        raise ValueError(
            f"T has shape {tuple(T.shape)}; allowed: [Nx, Ny, D, D_out], each at least 1"
        )
    if T.dtype not in (torch.complex64, torch.complex128):
        raise ValueError(f"T is {T.dtype}; allowed: torch.complex64 or torch.complex128")


def refuse_bad_physics(T: Tensor, V: Tensor | None, **numbers: float) -> None:
    """Raise a ValueError where a number is not positive, or V does not fit T."""
    for name, value in numbers.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}; allowed: a finite number above 0")
    if V is None:
        return
    if V.shape != T.shape:
        raise ValueError(f"V has shape {tuple(V.shape)}; allowed: {tuple(T.shape)}, that of T")
    if V.device != T.device:
        raise ValueError(f"V is on {V.device}; allowed: {T.device}, where T is")


def convolve(T: Field, weights: tuple[tuple[int, ...], ...]) -> Field:
    """Each component convolved with the same 3 × 3 weights, neighbours wrapping around."""
    Nx, Ny, D, D_out = T.shape
    channels = D * D_out
    image = T.permute(2, 3, 0, 1).reshape(1, channels, Nx, Ny)
    kernel = torch.tensor(weights, dtype=T.dtype, device=T.device).reshape(1, 1, 3, 3)
    kernel = kernel.repeat(channels, 1, 1, 1)
    padded = F.pad(image, (1, 1, 1, 1), mode="circular")
    result = F.conv2d(padded, kernel, groups=channels)
    return result.reshape(D, D_out, Nx, Ny).permute(2, 3, 0, 1)


def second_difference(T: Field, axis: int) -> Field:
    """L_axis T = S+ T + S− T − 2T along axis 0 (x) or 1 (y).

    Raises:
        ValueError: another axis, or a field of a wrong rank, dtype or extent.
    """
    refuse_bad_field(T)
    if axis not in (0, 1):
        raise ValueError(f"axis is {axis!r}; allowed: 0 or 1")
    return convolve(T, ALONG[axis])


def laplacian(T: Field) -> Field:
    """L T = (L_0 + L_1) T, flat space, one convolution.

    Raises:
        ValueError: a field of a wrong rank, dtype or extent.
    """
    refuse_bad_field(T)
    return convolve(T, FLAT)


def metric_laplacian(T: Field, *, metric: Metric | Ambient | None = AMBIENT) -> Field:
    """∇²_g T = g[0] L_0 T + g[1] L_1 T; one entry counts for both axes; None is flat.

    Raises:
        ValueError: a field of a wrong rank, dtype or extent; a metric that is not
            positive and finite, not 1-d, empty, or on another device.
    """
    refuse_bad_field(T)
    g = resolve(metric, T)
    if g is None:
        return laplacian(T)
    gx, gy = g[0], g[1 if len(g) > 1 else 0]
    return gx * second_difference(T, 0) + gy * second_difference(T, 1)


def hamiltonian(
    T: Field,
    *,
    hbar: float,
    m: float,
    metric: Metric | Ambient | None = AMBIENT,
    V: Field | None = None,
) -> Field:
    """H[T] = −(ħ²/2m) ∇²_g T + V∘T.

    Without ``metric`` the ambient geometry holds (flat outside every ``with geometry``);
    ``metric=None`` is flat wherever it is called.

    Raises:
        ValueError: as ``metric_laplacian``; ħ or m not positive and finite; V of another
            shape or device than T.
    """
    refuse_bad_field(T)
    refuse_bad_physics(T, V, hbar=hbar, m=m)
    kinetic = -(hbar * hbar / (2 * m)) * metric_laplacian(T, metric=metric)
    return kinetic if V is None else kinetic + V * T
