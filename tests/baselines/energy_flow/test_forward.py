"""Whole forwards and single steps: laws, counts and order, where nothing is defect.

The independent reference run: a separate implementation of the published equations with
weights of its own; its counts are quoted beside the facts that do not depend on weights.
"""

from dataclasses import replace

import pytest
import torch
from energy_flow_runs import after, column, tiny

import baselines.energy_flow_v0 as v0
import baselines.energy_flow_v1 as v1
from baselines.energy_flow_v1.network import draw_mapper, ready, surface
from groundspeed.baselines.engine import clone, fields

torch.set_num_threads(1)

BOTH = pytest.mark.parametrize("version", [v0, v1], ids=["v0", "v1"])
QUICK = [
    pytest.param(version, name, id=f"{version.engine.name[-2:]}-{name}")
    for version in (v0, v1)
    for name, case in version.engine.cases.items()
    if (case.stored or name == "deep") and not name.startswith("groups")
]
EACH = pytest.mark.parametrize(("version", "name"), QUICK)
REPAIRED = v1.REPAIRED


@EACH
def test_laws_hold_in_float64(version, name):
    case = version.engine.cases[name].truth
    start, run = version.engine.initial(case), version.engine.runner(case)
    checked = [law for law in version.engine.laws if law.applies(case)]
    assert checked
    for law in checked:
        assert law.residual(case, start, run) <= law.bound, law.name


@EACH
def test_wider_numbers_take_the_same_decisions(version, name):
    case = version.engine.cases[name]
    ours, true = (after(version, c, c.steps) for c in (case, case.truth))
    for field, value in fields(ours).items():
        wide = getattr(true, field)
        if value.is_floating_point():
            assert (value.double() - wide).abs().max() < 1e-5, field
        else:
            assert torch.equal(value, wide), field


@EACH
def test_a_run_is_the_same_bits_again_and_leaves_its_start_alone(version, name):
    case = version.engine.cases[name]
    start = version.engine.initial(case)
    kept = clone(start)
    ends = [after(version, case, case.steps, start) for _ in range(2)]
    for field in start._fields:
        assert torch.equal(getattr(start, field), getattr(kept, field)), field
        assert torch.equal(getattr(ends[0], field), getattr(ends[1], field)), field


@EACH
def test_a_step_leaves_its_input_alone(version, name):
    case = version.engine.cases[name]
    working = version.engine.adopt(case, version.engine.initial(case))
    step = version.engine.prepare(case)
    for _ in range(2):
        before = clone(version.engine.observe(case, working))
        result = step(working)
        now = version.engine.observe(case, working)
        for field in before._fields:
            assert torch.equal(getattr(now, field), getattr(before, field)), field
        working = result


@BOTH
def test_each_stage_leaves_its_input_alone(version):
    case = version.engine.cases["tiny"]
    working = version.engine.adopt(case, version.engine.initial(case))
    for stage in version.engine.stages:
        before = clone(version.engine.observe(case, working))
        result = stage.build(case)(working)
        now = version.engine.observe(case, working)
        for field in before._fields:
            assert torch.equal(getattr(now, field), getattr(before, field)), (stage.name, field)
        working = result


@BOTH
def test_births_are_one_for_each_sample_and_cell_in_their_order(version):
    case = tiny(version, "tiny_steps")
    state = version.engine.initial(case)
    births = case.batch * case.cells
    assert int(state.created) == births == 72
    where = [(b, y, x) for b in range(2) for y in range(6) for x in range(6)]
    for row, (b, y, x) in enumerate(where):
        assert int(state.sample[row]) == b
        p = [2 * x / 5 - 1, 2 * y / 5 - 1, 0.0]
        torch.testing.assert_close(state.position[row], torch.tensor(p))
    energy = surface(ready(draw_mapper(case), case), state.inputs).flatten()
    assert torch.equal(state.energy[:births], energy)
    assert not state.hidden.any()


def test_births_at_the_cap_leave_the_last_samples_without_flows():
    # 320 000 flows cut to 200 000: samples 20 to 31 get nothing
    state = v1.engine.initial(replace(v1.engine.cases["cap"], hidden=1))
    assert int(state.created) == 200_000
    assert int(state.refused) == 120_000
    assert state.sample[state.id >= 0].unique().tolist() == list(range(20))


@BOTH
def test_the_capacity_is_never_exceeded_and_refusals_are_counted(version):
    state = after(version, tiny(version, "tiny_full"))
    assert int((state.id >= 0).sum()) == 80
    assert int(state.created) == 80
    assert int(state.refused) > 0
    state = after(version, tiny(version, "tiny_cut"))
    assert int(state.refused) >= 22
    assert int(state.sample[state.id >= 0].bincount()[0]) >= 36


@BOTH
def test_children_start_where_the_parent_stood_with_its_new_energy_and_memory(version):
    case = tiny(version, "tiny_steps", spawn=v1.Spawn(0.1, 3), capacity=400)
    start = version.engine.initial(case)
    end = after(version, case, 1, start)
    children = (end.parent >= 0).nonzero().flatten()
    assert len(children) == int(column(end, "spawned")[0]) > 0
    parents = end.parent[children]
    assert torch.equal(end.position[children], start.position[parents])
    assert torch.equal(end.energy[children], end.energy[parents])
    assert torch.equal(end.hidden[children], end.hidden[parents])
    assert torch.equal(end.sample[children], end.sample[parents])
    assert not end.age[children].any()
    stretch = (end.position[parents] - start.position[parents]).norm(dim=1) / 0.1
    assert (stretch >= 2 - 1e-5).all()
    assert end.parent[children].bincount().max() <= 3


@BOTH
def test_spawning_is_rare_at_one_half_and_common_at_the_debug_threshold(version):
    shares = []
    for threshold in (0.5, 0.15):
        spawn = v1.Spawn(threshold, 1)
        case = tiny(version, depth=40, spawn=spawn, capacity=600, rules={"reflection": REPAIRED})
        end = after(version, case)
        shares.append(float(column(end, "spawned").sum() / column(end, "active").sum()))
    assert shares[0] < 0.01
    assert shares[1] > 0.1


@BOTH
def test_a_push_is_at_most_one_half_per_axis(version):
    case = tiny(version, "tiny_steps", sigma=0.0, scale=50.0, rules={"reflection": REPAIRED})
    start = version.engine.initial(case)
    end = after(version, case, 1, start)
    known = start.id >= 0
    moved = (end.position - start.position)[known].abs()
    assert moved.max() <= 0.5 + 1e-6
    assert (moved > 0.49).any()


@BOTH
def test_flows_that_move_too_little_are_not_updated(version):
    case = tiny(version, "tiny_steps", least_move=9.0, rules={"reflection": REPAIRED})
    start = version.engine.initial(case)
    end = after(version, case, 1, start)
    stays = end.active
    assert torch.equal(end.position[stays], start.position[stays])
    assert not end.age.any()


@BOTH
def test_a_result_is_not_changed_by_later_forwards(version):
    case = tiny(version)
    step = version.engine.prepare(case)
    first = step(version.engine.adopt(case, version.engine.initial(case)))
    kept = first.output.clone()
    step(step(first))
    assert torch.equal(first.output, kept)


@BOTH
def test_the_clock_goes_on_over_forwards_and_ids_do_not(version):
    case = tiny(version)
    ends = [after(version, case, n) for n in (1, 2)]
    assert [int(e.clock) for e in ends] == [4, 8]
    assert [int(e.forward) for e in ends] == [1, 2]
    for end in ends:
        assert int(end.next_id) == int(end.created)


def test_both_versions_agree_where_their_rules_do():
    # one sample, everything repaired, no cleanup: two implementations of one engine
    changes = {"batch": 1, "cleanup": 999, "dtype": torch.float64, "capacity": 200}
    for name in ("tiny_repaired", "tiny_full"):
        ends = []
        for version in (v0, v1):
            rules = version.Rules.all(REPAIRED)
            case = replace(version.engine.cases[name], rules=rules, **changes)
            ends.append(after(version, case, 2))
        for field in ("id", "sample", "parent", "age", "steps", "active", "group", "trace"):
            assert torch.equal(getattr(ends[0], field), getattr(ends[1], field)), field
        for field in ("position", "energy", "hidden", "output"):
            torch.testing.assert_close(getattr(ends[0], field), getattr(ends[1], field))
        assert int(ends[0].completed.sum()) > 20
