"""Fields gone through in pieces give what they give whole."""

import pytest
import torch

from groundspeed.tools.timing import output_check, runners
from groundspeed.tools.timing.fingerprints import PIECE, bit_sum, changed_bytes, moved, of_field
from groundspeed.validation.judge.compare import exact_distance
from groundspeed.validation.reference.distance import ZERO, distance

CELLS = 2 * PIECE + 77  # two whole pieces, and a last one that ends within a block


def field(dtype=torch.float64, seed=0):
    return torch.randn(CELLS, generator=torch.Generator().manual_seed(seed)).to(dtype)


@pytest.mark.parametrize("cell", [0, PIECE - 1, PIECE, CELLS - 1])
def test_the_distance_of_pieces_is_that_of_the_field(cell):
    one = field()
    other = one.clone()
    other[cell] += 1.0
    assert output_check.apart(one, other, distance) == pytest.approx(distance(one, other))
    other = one + 1e-9 * field(seed=1)
    assert output_check.apart(one, other, distance) == pytest.approx(distance(one, other))


def test_one_bit_in_any_piece_keeps_a_field_from_being_equal():
    one = field()
    other = one.clone()
    assert output_check.apart(one, other, exact_distance) == ZERO
    other[-1] = torch.nextafter(other[-1], torch.tensor(torch.inf, dtype=other.dtype))
    assert output_check.apart(one, other, exact_distance).largest > 0


def test_a_field_of_no_cells_is_no_distance_away():
    assert output_check.apart(torch.empty(0), torch.empty(0), distance) == ZERO


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.complex64, torch.int64])
def test_a_fingerprint_of_pieces_is_that_of_the_field(dtype):
    one = field(dtype) if dtype != torch.int64 else torch.arange(CELLS)
    found = of_field(one)
    flat = torch.view_as_real(one).reshape(-1) if one.is_complex() else one
    kind = {8: torch.int64, 4: torch.int32}[flat.element_size()]
    assert found["bits"] == int(flat.view(kind).sum(dtype=torch.int64)) % 2**64
    assert found["mean"] == pytest.approx(float(flat.double().mean()))
    other = one.clone()
    other[PIECE + 3] += 1
    assert of_field(other)["bits"] != found["bits"]


def test_a_lazy_conjugate_has_the_fingerprint_of_what_it_shows():
    complex_field = torch.view_as_complex(field().reshape(-1)[: CELLS // 2 * 2].reshape(-1, 2))
    for lazy in (complex_field.conj(), complex_field.imag._neg_view(), complex_field.conj().imag):
        shown = lazy.resolve_conj().resolve_neg().clone()
        assert lazy.is_conj() or lazy.is_neg()
        assert of_field(lazy) == of_field(shown)


def test_bits_are_summed_beyond_what_a_sum_holds():
    assert bit_sum(torch.full((3,), -1, dtype=torch.int64)) == 2**64 - 3


def test_the_share_of_cells_that_moved_counts_every_piece():
    from baselines.lattice_field_v1 import engine

    before = engine.initial(engine.cases["packet_64"])
    after = before._replace(E=before.E.clone())
    after.E.view(-1)[::4] += 1
    assert moved(before, after) == pytest.approx(0.25, rel=1e-4)


def test_a_start_is_moved_where_its_cells_lie_in_another_order():
    rows = field()[: PIECE + 64].reshape(-1, 64).t()
    before = rows.clone()
    assert not rows.is_contiguous()
    runners.disturb(rows, torch.Generator().manual_seed(0))
    share = 1 - rows / before
    assert 0.9 * runners.OFF < share.max() <= runners.OFF
    assert (share >= 0).all()
    assert (share[:, -1] > 0).any()


def test_what_was_written_counts_the_bytes_of_cells_that_differ():
    from baselines.lattice_field_v1 import engine

    before = engine.initial(engine.cases["packet_64"])
    after = before._replace(E=before.E.clone(), E_prev=before.E_prev + 1)
    after.E.view(-1)[:5] += 1
    assert changed_bytes(before, after) == 8 * (5 + before.E.numel())
