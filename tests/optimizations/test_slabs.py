"""What each rank computes: slabs, halos of every width, uneven and idle ranks."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from ranks_in_threads import run_in_threads

from groundspeed import baselines
from groundspeed.validation.records import digests

from optimizations.lattice_field_ranks import field  # isort: skip
from optimizations.probabilistic_field_ranks import rows  # isort: skip
from optimizations.ranks.slabs import slabs  # isort: skip

LATTICE = baselines.load("lattice_field_v1")
FIELD = baselines.load("probabilistic_field_v1")
STEPS = 11


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("n", "ranks", "least"), [(7, 3, 1), (17, 4, 2), (9, 4, 3), (5, 8, 1)])
def test_slabs_are_all_planes_once_and_as_equal_as_they_can_be(n, ranks, least):
    found = slabs(n, ranks, least)
    assert [i for s in found for i in range(s.first, s.last)] == list(range(n))
    thick = [s.planes for s in found if s.planes]
    assert len(thick) == found[0].active == min(ranks, n // least)
    assert max(thick) - min(thick) <= 1
    assert min(thick) == found[0].thinnest >= least


@pytest.mark.parametrize(("n", "ranks", "least"), [(5, 0, 1), (2, 2, 3)])
def test_slabs_that_there_cannot_be(n, ranks, least):
    with pytest.raises(ValueError, match="allowed: at least"):
        slabs(n, ranks, least)


def decomposed(width):
    return replace(field.decomposition, begin=partial(field.FieldPart, width=width))


@pytest.mark.parametrize("width", [1, 2, 3, 5])
@pytest.mark.parametrize("name", ["odd_3d", "reflective", "absorbing", "order_4", "order_6"])
def test_every_halo_width_and_uneven_slabs_give_the_baseline_s_bits(name, width):
    case = LATTICE.cases[name]
    start = LATTICE.initial(case)
    want = LATTICE.runner(case)(start, STEPS)
    for ranks in (1, 2, 3):
        got, _ = run_in_threads(decomposed(width), case, ranks, start, STEPS)
        assert digests.same_bits(got, want), ranks


@pytest.mark.parametrize("order", [2, 4, 6])
def test_a_wall_in_a_halo_spoils_no_plane_of_the_rank(order):
    """The plane that it copies may lie beyond the halo."""
    case = replace(LATTICE.cases["reflective"], order=order, dt=0.2)
    start = LATTICE.initial(case)
    want = LATTICE.runner(case)(start, STEPS)
    for width in (1, 2, 3):
        got, _ = run_in_threads(decomposed(width), case, 2, start, STEPS)
        assert digests.same_bits(got, want), width


def test_wider_halos_are_exchanged_less_often():
    case = replace(LATTICE.cases["odd_3d"], shape=(24, 5, 5))
    start = LATTICE.initial(case)
    _, narrow = run_in_threads(decomposed(1), case, 2, start, 12)
    _, wide = run_in_threads(decomposed(3), case, 2, start, 12)
    plane = 25  # numbers; two sides; of E the whole halo, of E_prev a step's less
    assert narrow == [12 * 2 * plane] * 2
    assert wide == [4 * 2 * (3 + 2) * plane] * 2


def test_ranks_without_planes_are_idle():
    case = replace(LATTICE.cases["order_6"], shape=(7, 8, 9))  # a rank needs three planes
    start = LATTICE.initial(case)
    got, sent = run_in_threads(field.decomposition, case, 4, start, STEPS)
    assert digests.same_bits(got, LATTICE.runner(case)(start, STEPS))
    assert [bool(n) for n in sent] == [True, True, False, False]


def test_bodies_are_declined_with_what_is_allowed():
    with pytest.raises(ValueError, match="allowed over ranks: None"):
        field.decomposition.slabs(LATTICE.cases["orbit"], 2)


@pytest.mark.parametrize(
    "name", ["shipped_64x48", "odd_63x47", "peaks", "seeding_48x40", "seeding_only_128x120"]
)
def test_the_field_has_the_same_bits_on_any_number_of_ranks(name):
    case = FIELD.cases[name]
    start = FIELD.initial(case)
    one, _ = run_in_threads(rows.decomposition, case, 1, start, 3)
    frozen = FIELD.runner(case)(start, 3)
    assert digests.same_bits([one.branches, one.frame], [frozen.branches, frozen.frame])
    torch.testing.assert_close(one.E, frozen.E, rtol=1e-4, atol=1e-3)
    for ranks in (2, 3, 4):
        more, _ = run_in_threads(rows.decomposition, case, ranks, start, 3)
        assert digests.same_bits(more, one), ranks


def test_the_field_s_counts_are_those_of_the_baseline():
    case = FIELD.cases["shipped_64x48"]
    start, steps = FIELD.initial(case), 31  # a census is taken every thirty frames
    got, _ = run_in_threads(rows.decomposition, case, 3, start, steps)
    frozen = FIELD.runner(case)(start, steps)
    for name in ("frame", "spawns", "deaths", "fractions", "branches"):
        assert digests.same_bits([getattr(got, name)], [getattr(frozen, name)]), name
    assert int(frozen.spawns) > 0
