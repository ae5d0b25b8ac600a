"""Diffusion as circular convolutions along rows, then along columns, by torch's own FFTs.

The decay exp(−D (k_y² + k_x²) dt) is a product of one factor for each axis. torch transforms the
last axis best: so columns become rows of a transposed copy, two real columns as one complex one,
which a real and even factor leaves apart. Both go band by band, and a band stays in cache.
"""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.probabilistic_field_v0.rules import BOUND, DIFFUSIVITY
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1.rules import CORRECTED
from optimizations.probabilistic_field_cached_transfer.implementation import Diffusion, spectral

BAND = 256 * 1024  # numbers


def decay(n: int, case: FieldCase) -> Tensor:
    """Of each frequency of a line of n cells, rounded once."""
    f = torch.fft.fftfreq(n, dtype=torch.float64)
    k2 = (CORRECTED.radians * f) ** 2
    return torch.exp(-DIFFUSIVITY * k2 * case.dt).to(case.dtype)


def bands(field: Tensor) -> tuple[Tensor, ...]:
    """Views of some rows each."""
    return field.split(max(1, BAND // field.shape[1]))


def by_axes(case: FieldCase) -> Diffusion:
    """E after diffusion, in place; where columns do not pair, by one transform, in a new array."""
    H, W = case.shape
    if W % 2:
        return spectral(case)
    along_rows, along_columns = decay(W, case)[: W // 2 + 1], decay(H, case)
    columns = torch.empty(W // 2, H, dtype=case.dtype.to_complex())

    def run(E: Tensor) -> Tensor:
        for band in bands(E):
            band.copy_(torch.fft.irfft(torch.fft.rfft(band).mul_(along_rows), n=W))
        pairs = torch.view_as_complex(E.view(H, W // 2, 2))
        columns.copy_(pairs.t())
        for band in bands(columns):
            after = torch.fft.ifft(torch.fft.fft(band).mul_(along_columns))
            torch.view_as_real(after).clamp_(-BOUND, BOUND).nan_to_num_(0.0)
            band.copy_(after)
        pairs.copy_(columns.t())
        return E

    return run
