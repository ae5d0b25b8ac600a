"""Laplacians and Hamiltonian as found: zeros beyond the edge, x and y exchanged.

Fields are [Nx, Ny, D, D_out], complex64 or complex128, on a grid of spacing 1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.tensor_field_v1.operators import FLAT, Field, refuse_bad_field, refuse_bad_physics

X = ((0, 0, 0), (1, -2, 1), (0, 0, 0))  # a row: it acts along axis 1
Y = ((0, 1, 0), (0, -2, 0), (0, 1, 0))  # a column: it acts along axis 0


def convolve(T: Field, weights: tuple[tuple[int, ...], ...]) -> Field:
    """Each component convolved with the same 3 × 3 weights, zero beyond the edge."""
    Nx, Ny, D, D_out = T.shape
    channels = D * D_out
    image = T.permute(2, 3, 0, 1).reshape(1, channels, Nx, Ny)
    kernel = torch.tensor(weights, dtype=T.dtype, device=T.device).reshape(1, 1, 3, 3)
    kernel = kernel.repeat(channels, 1, 1, 1)
    result = F.conv2d(image, kernel, padding="same", groups=channels)
    return result.reshape(D, D_out, Nx, Ny).permute(2, 3, 0, 1)


def laplacian(T: Field) -> Field:
    """(L_0 + L_1) T.

    Raises:
        ValueError: a field of a wrong rank, dtype or extent.
    """
    refuse_bad_field(T)
    return convolve(T, FLAT)


def laplacian_x(T: Field) -> Field:
    """Called x, and L_1 T all the same.

    Raises:
        ValueError: a field of a wrong rank, dtype or extent.
    """
    refuse_bad_field(T)
    return convolve(T, X)


def laplacian_y(T: Field) -> Field:
    """Called y, and L_0 T all the same.

    Raises:
        ValueError: a field of a wrong rank, dtype or extent.
    """
    refuse_bad_field(T)
    return convolve(T, Y)


def read(metric: Tensor) -> tuple[float, float]:
    """The two entries that act, as numbers: (g[0], g[1]), (g[0], g[0]), or 1 without a word."""
    if metric.ndim == 1 and len(metric) >= 2:
        return metric[0].item(), metric[1].item()
    if metric.ndim == 1 and len(metric) == 1:
        return metric[0].item(), metric[0].item()
    return 1.0, 1.0


def hamiltonian(
    T: Field, hbar: float, m: float, metric: Tensor | None = None, V: Field | None = None
) -> Field:
    """H[T] = −(ħ²/2m) (g[0] L_1 T + g[1] L_0 T) + V∘T; without a metric, flat.

    Raises:
        ValueError: a field of a wrong rank, dtype or extent; ħ or m not positive and
            finite; V of another shape or device than T. The metric is not checked.
    """
    refuse_bad_field(T)
    refuse_bad_physics(T, V, hbar=hbar, m=m)
    if metric is None:
        curvature = laplacian(T)
    else:
        gx, gy = read(metric)
        curvature = gx * laplacian_x(T) + gy * laplacian_y(T)
    kinetic = -(hbar * hbar / (2 * m)) * curvature
    return kinetic if V is None else kinetic + V * T
