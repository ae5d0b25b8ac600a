"""Variants of an engine: cases with fields changed, what they start from, and what is filed."""

import dataclasses
from collections import Counter

import pytest
import torch

from groundspeed import baselines
from groundspeed.validation.golden import manifest, run_cache
from groundspeed.validation.inputs import features, starts
from groundspeed.validation.inputs.frozen_variants import (
    FrozenVariants,
    VariantRun,
    frozen_variants,
    place,
)
from groundspeed.validation.inputs.moves import KINDS, Proposal
from groundspeed.validation.inputs.tried import tried
from groundspeed.validation.reference.case_fields import LIKE, changed
from groundspeed.validation.reference.trajectory import along

ENGINES = ("lattice_field_v1", "tensor_field_v1", "probabilistic_field_v1", "energy_flow_v1")
STILL = {"probabilistic_field_v1": ["part"]}  # only large cases have it


@pytest.fixture(scope="module")
def lattice():
    torch.set_num_threads(1)
    return baselines.load("lattice_field_v1")


@pytest.mark.parametrize("name", ENGINES)
def test_what_is_frozen_belongs_to_the_seal_and_is_of_every_kind(name):
    found = FrozenVariants.read(place(name))
    assert found.baseline == manifest.manifest(name).seal
    kinds = Counter(v.kind for v in found.variants)
    assert set(kinds) <= set(KINDS)
    assert min(kinds["pair"], kinds["shape"], kinds["moved"]) >= 7
    assert found.unmoved == STILL.get(name, [])
    assert len({v.kind for v in found.variants[:75]}) >= 3, "the first few are of one kind"


@pytest.mark.parametrize("name", ENGINES)
def test_a_variant_answers_within_what_it_allows_and_other_answers_do_not(name):
    torch.set_num_threads(1)
    engine = baselines.load(name)
    for frozen in frozen_variants(name)[:60:12]:
        run = VariantRun(engine, frozen)
        for n, table in run.allowed.items():
            for field, allowed in table.items():
                true = getattr(run.true[n], field)
                off = (getattr(run.want[n], field).to(true.dtype) - true).abs().max()
                assert float(off) <= allowed.largest
                assert allowed.largest <= 1e-2 * max(1.0, float(true.abs().max()))


def test_what_another_processor_makes_is_measured_once_for_all_who_ask(
    lattice, tmp_path, monkeypatch
):
    monkeypatch.setattr(run_cache, "FOLDER", tmp_path)
    frozen = frozen_variants(lattice.name)[0]
    made = VariantRun(lattice, frozen).allowed_here()
    other = frozen.model_copy(update={"answers": dict.fromkeys(frozen.answers, "of other bits")})
    assert VariantRun(lattice, other).allowed == made
    monkeypatch.setattr(VariantRun, "allowed_here", lambda self: pytest.fail("measured again"))
    assert VariantRun(lattice, other).allowed == made


def test_fields_change_together_and_borrow_what_other_cases_hold(lattice):
    cases = lattice.cases
    ball = changed(cases["odd_3d"], {"bodies": {LIKE: "ball"}, "bodies.width": 2.5}, cases)
    assert (ball.bodies.width, ball.bodies.profile) == (2.5, "ball")
    assert dataclasses.replace(ball.bodies, width=3.0) == cases["ball"].bodies
    narrow = changed(cases["odd_2d"], {"dtype": "float32", "shape.1": 31}, cases)
    assert (narrow.dtype, narrow.shape) == (torch.float32, (17, 31))
    with pytest.raises(ValueError, match="allowed"):
        changed(cases["odd_2d"], {"dx": -1.0}, cases)
    with pytest.raises(LookupError, match="no width"):
        changed(cases["odd_2d"], {"bodies.width": 2.0}, cases)


def test_a_proposal_that_the_engine_refuses_or_that_stands_still_is_none(lattice):
    assert tried(lattice, Proposal("moved", "odd_2d", {"dt": 3.0})) is None
    assert tried(lattice, Proposal("moved", "odd_2d", {"start.amplitude": 0.0})) is None
    moved = tried(lattice, Proposal("moved", "odd_2d", {"dx": 1.5}))
    assert moved.effect > 1e-3
    assert tried(lattice, Proposal("moved", "odd_2d", {"absorb_width": 2})).effect == 0


def test_the_same_recipe_gives_the_same_bits_and_keeps_the_values(lattice):
    case = lattice.cases["odd_2d"]
    one, two = (starts.start_of(lattice, case, {"shuffled": 1}) for _ in range(2))
    own = lattice.initial(case)
    assert all(map(torch.equal, one, two))
    assert not torch.equal(one.E, own.E)
    assert torch.equal(one.E.reshape(-1).sort().values, own.E.reshape(-1).sort().values)
    later = starts.start_of(lattice, case, {"after": 3})
    assert all(map(torch.equal, later, along(lattice, case, own, [3])[3]))


@pytest.mark.parametrize("name", ENGINES)
def test_pairs_of_features_meet_in_some_variant(name):
    torch.set_num_threads(1)
    engine = baselines.load(name)
    rows = [VariantRun(engine, v).case for v in frozen_variants(name) if v.kind == "pair"]
    known = set().union(*(features.pairs(c) for c in engine.cases.values() if c.stored))
    met = set().union(*map(features.pairs, rows)) - known
    assert len(met) >= 7
