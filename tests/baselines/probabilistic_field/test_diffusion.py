"""The torch diffusion axis by axis: the frozen numbers to rounding, whatever the shape."""

import pytest
import torch

from baselines.probabilistic_field_v1 import FieldCase
from optimizations.probabilistic_field_blocked import diffusion
from optimizations.probabilistic_field_cached_transfer.implementation import spectral


def of(shape: tuple[int, int], dtype=torch.float32) -> FieldCase:
    return FieldCase(steps=1, shape=shape, workspace=(1, 1), dtype=dtype)


def field(shape: tuple[int, int]) -> torch.Tensor:
    return 100 * torch.rand(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("shape", [(3, 4), (62, 48), (63, 47), (47, 126)])
@pytest.mark.parametrize("band", [1, 500, diffusion.BAND])
def test_its_error_is_that_of_the_library(shape, band, monkeypatch):
    monkeypatch.setattr(diffusion, "BAND", band)
    E = field(shape)
    truth = spectral(of(shape, torch.float64))(E.double())
    assert float((truth - E).abs().max()) > 0.01
    ours, theirs = (
        float((diffused(E.clone()) - truth).square().mean().sqrt())
        for diffused in (diffusion.by_axes(of(shape)), spectral(of(shape)))
    )
    assert ours < 2 * theirs + 1e-6


def test_double_precision_stays():
    case, E = of((30, 42), torch.float64), field((30, 42)).double()
    truth = spectral(case)(E)
    assert float((diffusion.by_axes(case)(E) - truth).abs().max()) < 1e-12


def test_an_infinite_energy_wipes_the_field_as_the_library_does():
    E = field((30, 42))
    E[1, 2] = torch.inf
    assert not spectral(of((30, 42)))(E).any()
    assert not diffusion.by_axes(of((30, 42)))(E).any()
