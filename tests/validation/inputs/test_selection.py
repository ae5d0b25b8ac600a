"""What is tried on which case, and where a branch turns over."""

from collections import Counter

import pytest
import torch

from baselines.energy_flow_v1.given import Ties
from groundspeed import baselines
from groundspeed.validation.inputs.aimed import on_edges, tried_or_refused
from groundspeed.validation.inputs.freeze_variants import unmoved
from groundspeed.validation.inputs.moves import Proposal, belong_together, moves, shapes
from groundspeed.validation.inputs.selection import most_telling, shaped
from groundspeed.validation.inputs.thresholds import Aim
from groundspeed.validation.inputs.tried import tried
from groundspeed.validation.records.errors import Sealed
from groundspeed.validation.reference.case_fields import LIKE, MADE, changed


@pytest.fixture(scope="module")
def flow():
    torch.set_num_threads(1)
    return baselines.load("energy_flow_v1")


def test_a_class_that_no_case_has_is_made(flow):
    case = flow.cases["groups"]
    ways = dict(moves(case, "given", case.given, dict(flow.cases)))
    assert ways["Ties"] == {"given": {MADE: "Ties"}}
    assert changed(case, ways["Ties"], flow.cases).given == Ties()
    assert "Scattered" not in ways, "some case has it"


def test_two_sizes_are_raised_together_on_a_case_that_collects(flow):
    case = flow.cases["silent_sample"]
    assert belong_together(flow, case, "width", "height")
    assert not belong_together(flow, case, "batch", "capacity")
    sources = {name: flow.cases[name] for name in ("tiny", "silent_sample")}
    pairs = [p for p in shapes(flow, sources) if "," in p.aim]
    assert {p.case for p in pairs} == set(sources)
    assert {"width": 65, "height": 33} in [p.changes for p in pairs]
    first = next(shaped(flow, {"silent_sample": case}, ["silent_sample"]))
    assert min(first.case.width, first.case.height) >= 33
    assert first.case.part == "collect"


def test_the_cases_that_tell_most_come_first(flow):
    names = ("tiny", "tiny_float64", "silent_sample", "tiny_repaired")
    order = most_telling(flow, {name: flow.cases[name] for name in names})
    assert set(order) == set(names)
    assert {"tiny", "tiny_float64"} & set(order[3:]), "they reach the same"
    assert "silent_sample" in order[:3]


def test_both_sides_of_a_branch_are_met_where_a_share_is_exactly_half():
    torch.set_num_threads(1)
    engine = baselines.load("probabilistic_field_v1")
    begin = tried(engine, Proposal("limit", "shallow"))
    aim = Aim(engine, begin.case, begin.start, 6)
    found = list(on_edges(engine, begin, aim, Counter()))
    shares = [one.want[1].fractions for one in found]
    assert any(bool((share == 0.5).any()) for share in shares)
    assert not bool((begin.want[1].fractions == 0.5).any())


def test_a_field_within_another_is_missed_if_nothing_moves_it():
    engine = baselines.load("lattice_field_v1")
    assert {"dx", "bodies", "bodies.width"} <= set(unmoved(engine, []))
    inner = unmoved(engine, [{"bodies.position.0.1": 2.0}])
    assert "bodies.position" not in inner
    assert "bodies" not in inner
    assert "bodies.width" in inner
    assert "bodies.width" not in unmoved(engine, [{"bodies": {LIKE: "ball"}}])


def test_an_extreme_that_the_engine_refuses_is_an_error_of_the_list():
    engine = baselines.load("lattice_field_v1")
    with pytest.raises(Sealed, match=r"lists odd_2d, dt 3.*correct it"):
        tried_or_refused(engine, Proposal("limit", "odd_2d", {"dt": 3.0}))
