"""What the Laplacians and the Hamiltonian of the tensor field are, on both versions.

Each defect of version 0 is a strict xfail there and a pass on version 1.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

import baselines.tensor_field_v0 as v0
import baselines.tensor_field_v1 as v1

torch.set_num_threads(1)


class Version(NamedTuple):
    """The operators of a version under the names that mean the same."""

    laplacian: Callable
    along: tuple[Callable, Callable]  # the second difference called x, and the one called y
    hamiltonian: Callable  # of T and metric


V0 = Version(
    v0.laplacian,
    (v0.laplacian_x, v0.laplacian_y),
    lambda T, metric=None: v0.hamiltonian(T, 0.1, 1.0, metric),
)
V1 = Version(
    v1.laplacian,
    (lambda T: v1.second_difference(T, 0), lambda T: v1.second_difference(T, 1)),
    lambda T, metric=None: v1.hamiltonian(T, hbar=0.1, m=1.0, metric=metric),
)
BOTH = pytest.mark.parametrize("version", [pytest.param(V0, id="v0"), pytest.param(V1, id="v1")])


def except_v0(reason):
    """Both versions, version 0 expected to fail."""
    broken = pytest.mark.xfail(strict=True, reason=reason)
    return pytest.mark.parametrize(
        "version", [pytest.param(V0, id="v0", marks=broken), pytest.param(V1, id="v1")]
    )


ZEROS = "zeros beyond the edge"
EXCHANGED = "the axes are exchanged"
SHAPES = pytest.mark.parametrize(
    "shape", [(8, 8, 2, 2), (6, 9, 3, 3), (7, 5, 2, 4), (1, 6, 2, 2), (5, 1, 2, 2), (2, 7, 1, 3)]
)


def noise(shape, seed=0, dtype=torch.complex128):
    generator = torch.Generator().manual_seed(seed)
    parts = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    return torch.complex(*parts).to(dtype)


def inner(u, v):
    return (u.conj() * v).sum()


def roll_laplacian(T):
    return sum(torch.roll(T, s, a) for s in (1, -1) for a in (0, 1)) - 4 * T


def wave(shape, modes):
    """exp(i k·x) on every component, and 2 − 2 cos k_a of each axis."""
    k = [2 * math.pi * mode / n for mode, n in zip(modes, shape[:2], strict=True)]
    x, y = (torch.arange(n, dtype=torch.float64) for n in shape[:2])
    phase = torch.exp(1j * (k[0] * x[:, None] + k[1] * y[None, :]))
    return phase[:, :, None, None].expand(shape).contiguous(), [2 - 2 * math.cos(ki) for ki in k]


@except_v0(ZEROS)
@SHAPES
def test_laplacian_is_that_of_cyclic_shifts(version, shape):
    T = noise(shape)
    torch.testing.assert_close(version.laplacian(T), roll_laplacian(T), rtol=0, atol=1e-13)


@except_v0(ZEROS)
def test_constant_field_has_zero_laplacian(version):
    T = noise((1, 1, 3, 3)).expand(6, 7, 3, 3).contiguous()
    assert version.laplacian(T).abs().max() < 1e-14


@except_v0(ZEROS)
@SHAPES
def test_laplacian_sums_to_zero_over_the_grid(version, shape):
    assert version.laplacian(noise(shape)).sum(dim=(0, 1)).abs().max() < 1e-12


@except_v0(ZEROS)
@pytest.mark.parametrize("modes", [(1, 0), (0, 1), (2, 3)])
def test_plane_wave_is_an_eigenvector_of_the_laplacian(version, modes):
    T, mu = wave((9, 7, 2, 2), modes)
    torch.testing.assert_close(version.laplacian(T), -sum(mu) * T, rtol=0, atol=1e-13)


@except_v0(EXCHANGED)
@pytest.mark.parametrize("axis", [0, 1])
def test_difference_named_for_an_axis_acts_along_it(version, axis):
    # away from the edges, so that padding has no say
    modes = (2, 0) if axis == 0 else (0, 2)
    T, mu = wave((9, 11, 1, 1), modes)
    inside = (slice(1, -1), slice(1, -1))
    got = version.along[axis](T)[inside]
    torch.testing.assert_close(got, -mu[axis] * T[inside], rtol=0, atol=1e-13)


@except_v0(EXCHANGED)
@pytest.mark.parametrize("axis", [0, 1])
def test_metric_entry_scales_its_own_axis(version, axis):
    metric = torch.tensor([10.0, 1.0], dtype=torch.float64)
    modes = (2, 0) if axis == 0 else (0, 2)
    T, mu = wave((9, 11, 2, 2), modes)
    inside = (slice(1, -1), slice(1, -1))
    expected = 0.005 * float(metric[axis]) * mu[axis] * T
    got = version.hamiltonian(T, metric)
    torch.testing.assert_close(got[inside], expected[inside], rtol=0, atol=1e-13)


def test_version_0_gives_the_first_entry_to_array_axis_1():
    T = noise((6, 9, 2, 2))
    metric = torch.tensor([10.0, 1.0], dtype=torch.float64)
    expected = -(0.1 * 0.1 / 2) * (10 * v0.laplacian_x(T) + v0.laplacian_y(T))
    assert torch.equal(V0.hamiltonian(T, metric), expected)
    column = torch.zeros((6, 9, 1, 1), dtype=torch.complex128)
    column[:, 4] = 1.0  # varies along axis 1 only
    inside = slice(1, -1)
    assert v0.laplacian_x(column)[inside].abs().max() == 2
    assert v0.laplacian_y(column)[inside].abs().max() == 0


@except_v0(ZEROS)
def test_translation_and_laplacian_commute(version):
    T = noise((6, 7, 2, 2))
    for shift in ((1, 0), (0, 1), (2, 5)):
        moved = version.laplacian(torch.roll(T, shift, (0, 1)))
        expected = torch.roll(version.laplacian(T), shift, (0, 1))
        torch.testing.assert_close(moved, expected, rtol=0, atol=1e-13)


@BOTH
@pytest.mark.parametrize("metric", [None, (10.0, 1.0), (0.5, 2.0), (3.0,)])
def test_hamiltonian_is_hermitian_and_not_negative(version, metric):
    g = None if metric is None else torch.tensor(metric, dtype=torch.float64)
    u, v = noise((6, 5, 2, 3), 1), noise((6, 5, 2, 3), 2)
    Hu, Hv = version.hamiltonian(u, g), version.hamiltonian(v, g)
    assert abs(inner(u, Hv) - inner(Hu, v)) < 1e-13 * abs(Hu.norm() * v.norm())
    assert inner(u, Hu).real > 0
    assert abs(inner(u, Hu).imag) < 1e-13 * inner(u, Hu).real


@BOTH
def test_hamiltonian_is_linear(version):
    u, v, a = noise((6, 5, 2, 3), 1), noise((6, 5, 2, 3), 2), 0.3 - 2.0j
    expected = a * version.hamiltonian(u) + version.hamiltonian(v)
    torch.testing.assert_close(version.hamiltonian(a * u + v), expected, rtol=0, atol=1e-14)


@BOTH
def test_components_do_not_mix(version):
    T = torch.zeros((5, 6, 3, 4), dtype=torch.complex128)
    T[2, 3, 1, 2] = 1.0
    others = torch.ones((3, 4), dtype=torch.bool)
    others[1, 2] = False
    L = version.laplacian(T)
    assert L[:, :, 1, 2].abs().sum() == 8
    assert L[:, :, others].abs().sum() == 0


@except_v0(ZEROS)
def test_wrap_around_couples_opposite_edges(version):
    T = torch.zeros((6, 7, 2, 2), dtype=torch.complex64)
    T[0, 0, 0, 1] = 1.0
    L = version.laplacian(T)[:, :, 0, 1]
    reached = {tuple(i): L[tuple(i)].real.item() for i in L.abs().nonzero().tolist()}
    assert reached == {(0, 0): -4, (1, 0): 1, (0, 1): 1, (5, 0): 1, (0, 6): 1}


def rim():
    """The pattern of the document: the first and last rows of one component are 1."""
    T = torch.zeros((28, 28, 16, 16), dtype=torch.complex64)
    T[0, :, 0, 0] = 1.0
    T[-1, :, 0, 0] = 1.0
    return T


@BOTH
def test_the_proposed_boundary_test_passes_whatever_the_padding(version):
    L = version.laplacian(rim())
    assert L[0, 0, 0, 0].abs() > 0
    assert L[-1, 0, 0, 0].abs() > 0


@except_v0(ZEROS)
def test_rows_at_opposite_edges_are_neighbours(version):
    L = version.laplacian(rim())[:, :, 0, 0]
    assert torch.equal(L[0], torch.full((28,), -1.0 + 0j))  # zeros give −2, and −3 at corners
    assert torch.equal(L[-1], L[0])
    assert torch.equal(L[1], torch.full((28,), 1.0 + 0j))
    assert L[2:-2].abs().max() == 0


@except_v0(ZEROS)
def test_a_patch_over_the_corner_has_the_laplacian_of_a_patch_inside(version):
    T = torch.zeros((8, 8, 1, 1), dtype=torch.complex128)
    T[2:6, 2:6] = 1.0
    over = torch.roll(T, (4, 4), (0, 1))  # the same 4 × 4 patch across all four corners
    expected = torch.roll(version.laplacian(T), (4, 4), (0, 1))
    assert torch.equal(version.laplacian(over), expected)


def padded_laplacian(T, mode):
    Nx, Ny, D, D_out = T.shape
    image = T.permute(2, 3, 0, 1).reshape(D * D_out, 1, Nx, Ny)
    p = torch.complex(*(F.pad(part, (1, 1, 1, 1), mode=mode) for part in (image.real, image.imag)))
    L = p[..., :-2, 1:-1] + p[..., 2:, 1:-1] + p[..., 1:-1, :-2] + p[..., 1:-1, 2:] - 4 * image
    return L.reshape(D, D_out, Nx, Ny).permute(2, 3, 0, 1)


def test_padding_same_is_zeros_and_neither_reflects_nor_wraps():
    T = noise((6, 7, 2, 2))
    found = v0.laplacian(T)
    torch.testing.assert_close(found, padded_laplacian(T, "constant"), rtol=0, atol=1e-13)
    for mode in ("reflect", "replicate", "circular"):
        assert (found - padded_laplacian(T, mode)).abs().max() > 0.1


def test_padding_matters_at_the_rim_only():
    T = noise((8, 9, 2, 2))
    a, b = v0.laplacian(T), v1.laplacian(T)
    torch.testing.assert_close(a[1:-1, 1:-1], b[1:-1, 1:-1], rtol=0, atol=1e-14)
    assert (a - b)[0].abs().max() > 0.1


def test_permuting_and_reshaping_a_field_copies_nothing():
    T = noise((6, 7, 2, 2))
    image = T.permute(2, 3, 0, 1).reshape(1, 4, 6, 7)
    assert image.data_ptr() == T.data_ptr()
    image[0, 0, 0, 0] = 5.0
    assert T[0, 0, 0, 0] == 5.0


@BOTH
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 1, 3, 2), (2, 2, 2, 2), (1, 2, 2, 1)])
def test_grids_smaller_than_the_stencil_are_computed(version, shape):
    T = noise(shape)
    assert version.hamiltonian(T).shape == T.shape


def test_one_site_is_its_own_neighbour():
    assert v1.laplacian(noise((1, 1, 3, 3))).abs().max() < 1e-14


def test_two_sites_are_neighbours_twice():
    T = noise((2, 1, 1, 1))
    expected = 2 * (T.flip(0) - T)
    torch.testing.assert_close(v1.laplacian(T), expected, rtol=0, atol=1e-14)


@BOTH
def test_single_precision_is_within_its_rounding_of_double(version):
    T = noise((9, 8, 4, 4), dtype=torch.complex64)
    metric = torch.tensor([3.0, 1.0])
    exact = version.hamiltonian(T.to(torch.complex128), metric)
    error = (version.hamiltonian(T, metric).to(torch.complex128) - exact).norm() / exact.norm()
    assert 1e-9 < error < 1e-6


class Counted(TorchDispatchMode):
    """Counts what is called by its name."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls.append(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@BOTH
def test_a_metric_doubles_the_convolutions(version):
    T = noise((6, 5, 2, 2))
    counts = []
    for metric in (None, torch.tensor([2.0, 1.0])):
        with Counted() as counted:
            version.hamiltonian(T, metric)
        counts.append(counted.calls.count("repeat"))
    assert counts == [1, 2]  # one kernel is built, anew, for every convolution


def test_the_operator_can_be_differentiated():
    T = noise((4, 5, 2, 2)).requires_grad_()
    energy = v1.expectation_energy(T, v1.hamiltonian(T, hbar=0.1, m=1.0, metric=(2.0, 1.0)))
    (slope,) = torch.autograd.grad(energy, T)
    expected = 2 * v1.hamiltonian(T, hbar=0.1, m=1.0, metric=(2.0, 1.0))
    torch.testing.assert_close(slope, expected.detach(), rtol=0, atol=1e-14)
