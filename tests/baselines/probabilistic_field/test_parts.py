"""Stages of the probabilistic field as whole steps: each is the frozen stage and nothing else."""

import math

import pytest
import torch

from baselines import probabilistic_field_v1 as v1
from baselines.probabilistic_field_v0.state import BRANCHES, FRACTIONS
from baselines.probabilistic_field_v0.transport import diffuse
from baselines.probabilistic_field_v0.workspace import push_and_seed
from baselines.probabilistic_field_v1.rules import CORRECTED
from groundspeed import baselines
from groundspeed.baselines.engine import clone, fields, replace
from optimizations.probabilistic_field_blocked.implementation import engine as blocked

ENGINE, V0 = v1.engine, baselines.load("probabilistic_field_v0")
BUILD = {"seeding": push_and_seed, "diffusion": diffuse}
RECORDS = {
    "seeding": {"E", "w", "fractions", "branches"},
    "diffusion": {"E", "sum_E", "branches"},
}
SEEDING, DIFFUSION = "seeding_only_128x120", "diffusion_only_512x384"


def equal(one, other) -> set[str]:
    """Fields that agree in every bit that is a number."""
    pairs = zip(one._fields, one, other, strict=True)
    return {name for name, a, b in pairs if torch.equal(a, b)}


def of(part: str, shape=(24, 20), workspace=(9, 12), **others) -> v1.PartCase:
    """A small one: dark with some light for seeding, bright for diffusion."""
    bright = (0.0, 1.4) if part == "seeding" else (10.0, 90.0)
    start = (v1.Patch(v1.Region(0, shape[0], 0, shape[1]), bright, (0.0, 2.0)),)
    return v1.PartCase(part=part, steps=3, shape=shape, workspace=workspace, start=start, **others)


@pytest.mark.parametrize("name", [SEEDING, DIFFUSION])
def test_a_step_is_the_frozen_stage_alone(name):
    case = ENGINE.cases[name]
    start = ENGINE.initial(case)
    stage = BUILD[case.part](CORRECTED, case)
    want = ENGINE.observe(case, stage(ENGINE.adopt(case, clone(start))))
    got = ENGINE.runner(case)(start, 1)
    assert equal(got, want) == set(start._fields)
    assert set(start._fields) - equal(got, start) == RECORDS[case.part]


@pytest.mark.parametrize("name", [SEEDING, DIFFUSION])
def test_each_step_decides_as_meant_and_rounding_changes_no_decision(name):
    case = ENGINE.cases[name]
    runs = [(c, ENGINE.initial(c), ENGINE.runner(c)) for c in (case, case.truth)]
    for steps in range(1, case.steps + 1):
        ours, true = (run(start, steps) for _, start, run in runs)
        assert torch.equal(ours.branches, true.branches)
        assert torch.equal(ours.E < 1, true.E < 1)
        taken = {"seeding": "seeded", "diffusion": "diffused"}[case.part]
        assert ours.branches.tolist() == [1 if b == taken else -1 for b in BRANCHES]
        if case.part == "seeding":
            assert 0.6 < float(ours.fractions[FRACTIONS.index("inactive")]) < 0.98


def test_some_cells_turn_light_between_two_gifts():
    """So a candidate that asks once, before the first gift, is wrong."""
    case = ENGINE.cases[SEEDING]
    start = ENGINE.initial(case)
    h, columns = case.workspace
    top = case.shape[0] - h - 5
    after = ENGINE.runner(case)(start, 1)
    r = float(after.fractions[FRACTIONS.index("inactive")])
    pushed = start.E[top : top + h, :columns] + 50 * (0.1 + 0.4 * r) * case.dt
    crossing = (pushed < 1) & (after.E[top : top + h, :columns] >= 1)
    assert int(crossing.sum()) > 100


def test_whole_steps_are_those_of_v0_and_move_all_that_v0_asks():
    assert ENGINE.cases | V0.cases == ENGINE.cases
    for name, case in V0.cases.items():
        if not case.stored:
            continue
        start = ENGINE.initial(case)
        still = equal(ENGINE.runner(case)(start, case.steps), start)
        assert still <= set(V0.fixed), name


@pytest.mark.parametrize(
    ("case", "shown"),
    [
        (of("seeding"), "free cells"),
        (of("seeding", shape=(12, 20)), "rows shared at the top"),
        (of("seeding", workspace=(9, 25)), "columns shared at the right"),
        (of("seeding", dtype=torch.float64), "float64"),
        (of("diffusion"), "energy above the gate"),
        (replace(of("diffusion"), start=()), "energy below it"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_blocked_step_makes_the_same_part(case, shown):
    start = ENGINE.initial(case)
    ours, want = blocked.runner(case)(start, 3), ENGINE.runner(case)(start, 3)
    transformed = shown == "energy above the gate"  # axis by axis there: another rounding
    rounded = {"E", "sum_E"} if transformed else set()
    assert set(start._fields) - equal(ours, want) <= rounded, shown
    top = float(want.E.max())  # what a transform rounds by
    torch.testing.assert_close(ours.E, want.E, rtol=0, atol=1e-6 * top)
    torch.testing.assert_close(ours.sum_E, want.sum_E, rtol=1e-6, atol=0)


@pytest.mark.parametrize("part", BUILD)
def test_the_blocked_step_heals_as_the_frozen_one_does(part):
    case = of(part)
    start = ENGINE.initial(case)
    start.E[10, 3] = math.nan
    ours, want = blocked.runner(case)(start, 1), ENGINE.runner(case)(start, 1)
    for name, field in fields(want).items():
        torch.testing.assert_close(getattr(ours, name), field, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize(
    ("others", "allowed"),
    [
        ({"part": "flow"}, r"part is 'flow'; allowed: \['diffusion', 'seeding'\]"),
        ({"images": v1.Images(v1.Region(0, 4, 0, 4), 1, (4, 4))}, "images; allowed: none"),
        ({"shape": (2, 9)}, "allowed: rows and columns"),
    ],
)
def test_what_no_part_can_be_is_refused(others, allowed):
    with pytest.raises(ValueError, match=allowed):
        v1.PartCase(
            **({"part": "seeding", "steps": 1, "shape": (9, 9), "workspace": (2, 2)} | others)
        )


def test_each_law_is_asked_of_the_parts_that_obey_it():
    asked = {part: {law.name for law in ENGINE.laws if law.applies(of(part))} for part in BUILD}
    assert asked == {
        "seeding": {"caps", "energy account"},
        "diffusion": {"wave decay"},
    }
    for part in BUILD:
        case = replace(of(part), dtype=torch.float64)
        start, run = ENGINE.initial(case), ENGINE.runner(case)
        for law in ENGINE.laws:
            if law.applies(case):
                assert law.residual(case, start, run) <= law.bound, law.name
