"""The probabilistic field as a whole: laws, decisions, scenarios, the wide twin of a case."""

import math
from dataclasses import replace
from functools import cache

import pytest
import torch

from baselines.probabilistic_field_v0.assembly import assemble
from baselines.probabilistic_field_v0.case import FieldCase
from baselines.probabilistic_field_v0.rules import REVIEWED
from baselines.probabilistic_field_v0.state import BRANCHES, FRACTIONS
from baselines.probabilistic_field_v1.laws import account_open
from baselines.probabilistic_field_v1.rules import CORRECTED
from groundspeed import baselines
from groundspeed.baselines.engine import clone, fields

V0, V1 = (baselines.load(f"probabilistic_field_v{k}") for k in (0, 1))
both = pytest.mark.parametrize("engine", [V0, V1], ids=["v0", "v1"])
QUICK = {name: case for name, case in V0.cases.items() if case.quick}
SMALL = {name: case for name, case in QUICK.items() if case.cells < 10_000}
every_case = pytest.mark.parametrize("name", QUICK)
every_small_case = pytest.mark.parametrize("name", SMALL)
NUDGE = 2e-6  # of the largest energy: four times the error of a float32 transform
GATES = {"active": (0.1, 0.3), "inactive": (0.5,), "populated": (0.5,), "peaked": (0.3,)}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small tensors gain nothing from more, and sums keep their order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def history(engine, case, between=lambda stage, state: state):
    """The states after each step; ``between`` may change the state after each stage."""
    stages = [(stage.name, stage.build(case)) for stage in engine.stages]
    state = engine.adopt(case, engine.initial(case))
    for _ in range(case.steps):
        for name, stage in stages:
            state = between(name, stage(state))
        yield engine.observe(case, state)


@cache
def trajectory(version, name, wide=False):
    """The states after each step of a case, computed once."""
    engine = (V0, V1)[version]
    return list(history(engine, QUICK[name].truth if wide else QUICK[name]))


def states(engine, name, wide=False):
    return trajectory((V0, V1).index(engine), name, wide)


def taken(steps):
    """Which way each step went, as rows."""
    return torch.stack([state.branches for state in steps])


# laws


@both
@every_small_case
def test_every_law_holds_in_double_precision(engine, name):
    case = QUICK[name].truth
    start, run = engine.initial(case), engine.runner(case)
    held = [law for law in engine.laws if law.applies(case)]
    assert held
    for law in held:
        assert law.residual(case, start, run) <= law.bound, law.name


@pytest.mark.parametrize(
    "engine",
    [pytest.param(V0, marks=pytest.mark.xfail(strict=True, raises=AssertionError)), V1],
    ids=["v0", "v1"],
)
def test_the_account_of_energy_closes(engine):
    case = QUICK["sparse"].truth
    assert account_open(case, engine.initial(case), engine.runner(case)) < 1e-12


@pytest.mark.parametrize(
    "left_out",
    ["half_workspace", "periodic_flow", "whole_flow", "debit_push_always", "add_duplicates"],
)
def test_each_correction_is_needed_for_the_account_to_close(left_out):
    rules = replace(CORRECTED, **{left_out: getattr(REVIEWED, left_out)})
    engine, case = assemble("", rules, ()), QUICK["sparse"].truth
    assert account_open(case, engine.initial(case), engine.runner(case)) > 1e-9


@pytest.mark.parametrize(
    ("law", "spoil"),
    [
        ("wave decay", lambda state: state._replace(E=state.E * (1 + 1e-9))),
        ("consumption", lambda state: state._replace(E=state.E - 1e-9 * state.R)),
        (
            "peak decay",
            lambda state: state._replace(E=(state.E - 100).clamp(min=0) * 1e-9 + state.E),
        ),
        ("energy account", lambda state: state._replace(w=state.w * (1 + 1e-9))),
        ("caps", lambda state: state._replace(w=state.w * 5)),
    ],
)
def test_every_law_notices_a_spoilt_step(law, spoil):
    case = QUICK["sparse"].truth
    law = next(known for known in V1.laws if known.name == law)
    run = V1.runner(case)

    def spoilt(state, steps):
        return spoil(run(state, steps))

    assert law.residual(case, V1.initial(case), spoilt) > law.bound


# decisions


@both
@every_case
def test_double_precision_decides_alike(engine, name):
    assert torch.equal(taken(states(engine, name)), taken(states(engine, name, wide=True)))


@both
@every_case
def test_decisions_keep_away_from_their_thresholds(engine, name):
    for state in states(engine, name):
        assert abs(float(state.sum_E) / 10_000 - 1) > 1e-2
        found = dict(zip(FRACTIONS, state.fractions.tolist(), strict=True))
        for fraction, gates in GATES.items():
            assert all(abs(found[fraction] - gate) > 5e-3 for gate in gates), fraction


@both
@every_case
def test_a_nudge_of_a_float32_rounding_changes_no_decision(engine, name):
    case = QUICK[name]
    undisturbed = taken(states(engine, name))
    generator = torch.Generator().manual_seed(11)

    def between(stage, state):
        if stage not in ("inject", "diffuse", "flow", "consume"):
            return state
        sign = torch.randint(0, 2, case.shape, generator=generator) * 2.0 - 1
        nudge = NUDGE * float(state.E.max()) * sign
        return state._replace(E=torch.where(state.E > 0, (state.E + nudge).clamp(min=0), state.E))

    assert torch.equal(taken(history(engine, case, between)), undisturbed)


@both
@every_case
def test_counts_of_births_and_deaths_do_not_hang_on_the_last_bit(engine, name):
    for narrow, wide in zip(states(engine, name), states(engine, name, wide=True), strict=True):
        assert (int(narrow.spawns), int(narrow.deaths)) == (int(wide.spawns), int(wide.deaths))


@both
def test_the_cases_together_take_every_branch_both_ways(engine):
    empty = FieldCase(steps=1, shape=(9, 9), workspace=(2, 2))  # where nothing is consumed
    rows = torch.cat([taken(states(engine, name)) for name in SMALL])
    rows = torch.cat([rows, taken(history(engine, empty))])
    for column, branch in enumerate(BRANCHES):
        assert set(rows[:, column].tolist()) == {0, 1}, branch


@both
@pytest.mark.parametrize(
    ("name", "branches"),
    [
        ("cold_62x48", {"diffused": 0, "flow_dense": 0, "seeded": 1, "density_dense": 0}),
        ("shipped_64x48", {"diffused": 1, "flow_dense": 1, "density_dense": 1}),
        ("sparse", {"flow_dense": 0, "density_ran": 1, "density_dense": 0, "damped": 0}),
        ("flow_dense", {"flow_dense": 1, "density_ran": 1, "density_dense": 0}),
        ("dense", {"flow_dense": 1, "density_dense": 1, "consumption_dense": 1}),
        ("peaks", {"damped": 1, "damping_dense": 1, "consumption_dense": 1}),
        ("seeding_48x40", {"seeded": 1, "density_ran": 0}),
    ],
)
def test_scenarios_are_what_they_are_named_for(engine, name, branches):
    first = states(engine, name)[0].branches.tolist()
    decided = dict(zip(BRANCHES, first, strict=True))
    assert {branch: decided[branch] for branch in branches} == branches


def test_the_peaks_scenario_overshoots_and_the_odd_ones_are_odd():
    assert float(V0.initial(QUICK["peaks"]).R.max()) > 333
    assert QUICK["odd_63x47"].shape[1] % 2 == 1
    assert all(n & (n - 1) == 0 for n in QUICK["power_of_two_64x64"].shape)
    assert QUICK["cold_wide"].workspace[1] == QUICK["cold_wide"].shape[1]
    assert QUICK["shallow"].shape[0] - QUICK["shallow"].workspace[0] < 5
    assert math.prod(V0.cases["seeding_544x528"].workspace) == 512 * 512


@both
@pytest.mark.parametrize("name", ["seeding_48x40", "seeding_128x120"])
def test_dim_images_keep_the_workspace_seeding(engine, name):
    case = replace(QUICK[name], steps=20)
    assert bool(taken(history(engine, case))[:, BRANCHES.index("seeded")].all())


# starts and steps


@both
@every_small_case
def test_a_start_is_the_same_each_time_and_in_every_precision(engine, name):
    case = QUICK[name]
    starts = [fields(engine.initial(c)) for c in (case, case, case.truth)]
    for field, tensor in starts[0].items():
        assert torch.equal(tensor, starts[1][field])
        assert torch.equal(tensor.double(), starts[2][field].double())


@both
@every_small_case
def test_a_step_leaves_its_input_and_what_never_changes_alone(engine, name):
    case = QUICK[name]
    state = engine.adopt(case, engine.initial(case))
    before = clone(state)
    after = engine.prepare(case)(state)
    for field, tensor in fields(before).items():
        assert torch.equal(getattr(state, field), tensor), field
    assert torch.equal(after.P, before.P)
    assert torch.equal(after.frames, before.frames)


@both
def test_types_follow_the_case_but_for_the_workspace_of_v0(engine):
    for case in (QUICK["odd_63x47"], QUICK["odd_63x47"].truth):
        state = engine.runner(case)(engine.initial(case), 2)
        assert {state.E.dtype, state.R.dtype, state.P.dtype} == {case.dtype}
        assert state.w.dtype == (torch.float16 if engine is V0 else case.dtype)
        assert state.frame.dtype == state.spawns.dtype == state.branches.dtype == torch.int64
        assert state.sum_E.dtype == state.fractions.dtype == torch.float64


def test_plasticity_is_a_clamped_normal_with_a_fortieth_of_the_cells_at_each_end():
    case = FieldCase(steps=1, shape=(500, 400), workspace=(4, 4))
    P = V0.initial(case).P
    assert float(P.std()) == pytest.approx(0.5, abs=0.03)
    for end in (-1, 1):
        assert int((end == P).sum()) / P.numel() == pytest.approx(0.0228, abs=1.5e-3)


@both
def test_nothing_is_decided_before_the_first_step(engine):
    state = engine.initial(QUICK["sparse"])
    assert set(state.branches.tolist()) == set(state.fractions.tolist()) == {-1}
    assert float(state.sum_E) == -1
    assert bool((state.w == 50).all())


@both
def test_the_records_are_those_of_the_step_just_made(engine):
    case = QUICK["dense"]
    start = engine.initial(case)
    state = engine.runner(case)(start, 1)
    assert float(state.sum_E) == float(start.E.sum())
    assert state.fractions[2] == int((start.R > 0.001).sum()) / case.cells


@both
def test_the_least_traffic_is_five_fields_less_what_an_image_replaces(engine):
    dense, seen = QUICK["dense"], QUICK["shipped_256x192"]
    nodes = 2 if engine is V0 else 4
    assert engine.least_bytes(dense) == 5 * 4 * 64 * 48 + 2 * nodes * 64
    assert engine.least_bytes(seen) == (
        5 * 4 * 256 * 192 - 4 * 108 * 192 + 2 * nodes * 32 * 32 + 108 * 192
    )
