"""The native diffusion: right for every size it takes, and no worse than the library."""

import numpy as np
import pytest
import torch

from baselines.probabilistic_field_v1 import FieldCase

pytest.importorskip("numba")

from optimizations.probabilistic_field_cached_transfer.implementation import spectral  # noqa: E402
from optimizations.probabilistic_field_separable.convolution import able, separable  # noqa: E402
from optimizations.probabilistic_field_separable.stages import order, radices  # noqa: E402

pytestmark = pytest.mark.xdist_group("separable")  # its loops are compiled once, not once a worker


def of(shape: tuple[int, int], dtype=torch.float32) -> FieldCase:
    return FieldCase(steps=1, shape=shape, workspace=(1, 1), dtype=dtype)


@pytest.mark.parametrize("shape", [(3, 5), (30, 36), (64, 48), (45, 100), (96, 128), (600, 40)])
def test_its_error_is_that_of_the_library(shape):
    E = 100 * torch.rand(shape, generator=torch.Generator().manual_seed(1))
    truth = spectral(of(shape, torch.float64))(E.double())
    assert float((truth - E).abs().max()) > 0.01
    ours, theirs = (
        float((diffused(E.clone()) - truth).square().mean().sqrt())
        for diffused in (separable(of(shape)), spectral(of(shape)))
    )
    assert ours < 2 * theirs + 1e-6


@pytest.mark.parametrize("shape", [(62, 48), (64, 47)])
def test_other_prime_factors_and_double_precision_are_refused(shape):
    assert not able(of(shape))
    with pytest.raises(ValueError, match=r"allowed: torch\.float32 of sizes"):
        separable(of(shape))
    assert not able(of((64, 48), torch.float64))


@pytest.mark.parametrize("n", [2, 12, 60, 1920])
def test_every_frequency_has_one_place(n):
    assert np.array_equal(np.sort(order(radices(n))), np.arange(n))


@pytest.mark.parametrize("shape", [(3, 5), (64, 40)])
def test_an_infinite_energy_wipes_the_field_as_the_library_does(shape):
    E = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    E[1, 2] = torch.inf
    assert not spectral(of(shape))(E).any()
    assert not separable(of(shape))(E).any()


@pytest.mark.parametrize("shape", [(3, 5), (64, 40)])
def test_energies_are_bounded(shape):
    assert torch.equal(separable(of(shape))(torch.full(shape, -3e6)), torch.full(shape, -1e6))
