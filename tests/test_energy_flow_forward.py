"""Whole forwards and single steps: counts, order, and each defect where it is and is not.

The independent reference run: a separate implementation of the published equations with
weights of its own; its counts are quoted beside the facts that do not depend on weights.
"""

from dataclasses import replace

import pytest
import torch

import baselines.energy_flow_v0 as v0
import baselines.energy_flow_v1 as v1
from baselines.energy_flow_v1.birth import born, reset
from baselines.energy_flow_v1.collect import candidates
from baselines.energy_flow_v1.laws import repeat_change
from baselines.energy_flow_v1.network import draw_mapper, draw_mover, ready, surface
from baselines.energy_flow_v1.state import TRACE
from baselines.energy_flow_v1.travel import loop_step
from baselines.engine import clone, fields

torch.set_num_threads(1)

BOTH = pytest.mark.parametrize("version", [v0, v1], ids=["v0", "v1"])
QUICK = [
    pytest.param(version, name, id=f"{version.engine.name[-2:]}-{name}")
    for version in (v0, v1)
    for name, case in version.engine.cases.items()
    if (case.stored or name == "deep") and not name.startswith("groups")
]
EACH = pytest.mark.parametrize(("version", "name"), QUICK)
FOUND, REPAIRED = v1.AS_FOUND, v1.REPAIRED


def tiny(version, name="tiny", rules=None, **changes):
    """That case, with some rules of its version set otherwise."""
    case = version.engine.cases[name]
    return replace(case, rules=replace(case.rules, **rules or {}), **changes)


def after(version, case, steps=1, start=None):
    start = version.engine.initial(case) if start is None else start
    return version.engine.runner(case)(start, steps)


def column(state, name):
    """That column of the trace, of the steps that were made."""
    return state.trace[: int(state.step), TRACE.index(name)]


def variants(*table):
    """(version, rules) pairs; with a reason, those that have the defect."""
    params = []
    for version, rules, reason in table:
        marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
        words = "-".join(f"{k} {v}" for k, v in rules.items()) or "default"
        label = f"{version.engine.name[-2:]}-{words}".replace(" ", "_")
        params.append(pytest.param(version, rules, marks=marks, id=label))
    return pytest.mark.parametrize(("version", "rules"), params)


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


# --- defects: where they are, and where they are not ---


@variants(
    (v1, {}, ""),
    (v1, {"mask": FOUND}, "a boolean mask used as an index updates places 0 and 1 only"),
    (v0, {}, ""),
)
def test_every_flow_that_goes_on_is_moved_by_a_step(version, rules):
    case = tiny(version, "tiny_steps", rules={"reflection": REPAIRED} | rules)
    end = after(version, case)
    assert (end.age[end.active & (end.parent < 0)] == 1).all()


def test_with_the_found_mask_most_of_the_result_is_the_input():
    # independent reference run, B = 2, 6 x 6 x 8: two thirds equal the surface; with only
    # |z| = 1 marked, 1.4 % of the result is not zero
    rules = {"mask": FOUND}
    case = tiny(v1, rules=rules)
    start = v1.engine.initial(case)
    energy = surface(ready(draw_mapper(case), case), start.inputs)
    equal = (after(v1, case, 1, start).output == energy).double().mean()
    assert 0.5 < float(equal) < 0.9
    rules |= {"marking": REPAIRED, "reflection": REPAIRED}
    assert int((after(v1, tiny(v1, rules=rules)).output != 0).sum()) <= 1  # of 72


@variants(
    (v1, {}, ""),
    (v1, {"release": FOUND}, "rows of collected flows are never freed"),
    (v0, {}, "cleanup deletes what was not yet collected, by a clock that goes on"),
)
def test_a_repeated_forward_is_that_of_a_fresh_engine(version, rules):
    case = tiny(version, depth=40, longest=7, rules=rules, cleanup=10)
    start, run = version.engine.initial(case), version.engine.runner(case)
    assert repeat_change(case, start, run) == 0


def test_unreleased_rows_fall_by_the_number_completed():
    case = tiny(v1, rules={"release": FOUND}, capacity=300)
    start, free = v1.engine.initial(case), []
    done, state = [], start
    for _ in range(3):
        state = after(v1, case, 1, state)
        free.append(int((state.listed | (state.id < 0)).sum()))
        done.append(int(state.finished))
    # rows that a reset gives back, after each forward
    assert [300 - free[0], free[0] - free[1], free[1] - free[2]] == done


def test_the_experiment_s_rows_last_for_sixteen_forwards():
    # 200 000 rows, 12 544 a forward, none released: the 16th is the first that does not fit
    rows = round(72 * 200_000 / 12_544)
    case = tiny(v1, rules={"release": FOUND}, capacity=rows)
    state, refused = v1.engine.initial(case), []
    for _ in range(16):
        state = born(case)(state)
        refused.append(int(state.refused))
        state = state._replace(listed=torch.zeros_like(state.listed))  # all were collected
    assert refused == [0] * 15 + [16 * 72 - rows]


@variants(
    (v1, {}, ""),
    (v1, {"clearing": FOUND}, "a freed row stays completed, at the centre"),
)
def test_a_freed_row_is_no_candidate(version, rules):
    case = tiny(version, rules=rules)
    state = reset(case, after(version, case))
    assert (state.id < 0).all()
    assert not state.position.any()
    assert len(candidates(state)) == 0


@variants(
    (v1, {}, ""),
    (v1, {"graph": FOUND}, "the storage carries the last forward's graph"),
)
def test_a_second_forward_can_be_differentiated(version, rules):
    case = tiny(version, rules=rules)
    mover, mapper = ready(draw_mover(case), case), ready(draw_mapper(case), case)
    mover.push.weight.requires_grad_()
    mapper.place.requires_grad_()
    step, birth = loop_step(case, mover), born(case, mapper)
    collect = {stage.name: stage for stage in version.engine.stages}["collect"].build(case)
    finish = {stage.name: stage for stage in version.engine.stages}["finish"].build(case)
    state = version.engine.initial(case)
    for _ in range(2):
        state = birth(state)
        for _ in range(3):
            state = step(clone(state))
        state = collect(finish(state))
        try:
            state.output.square().sum().backward()
        except RuntimeError as error:
            pytest.fail(str(error)[:60])
    assert mover.push.weight.grad is not None
    assert mapper.place.grad.any()


UNDONE = "the update of the same step overwrites the reflection"


@variants(
    (v1, {}, UNDONE), (v0, {}, UNDONE), (v1, {"reflection": REPAIRED}, ""),
    (v0, {"reflection": REPAIRED}, ""),
)  # fmt: skip
def test_a_step_makes_a_flow_one_step_older(version, rules):
    end = after(version, tiny(version, "tiny_steps", rules=rules))
    assert int(column(end, "reflected")[0]) > 0
    assert end.age.max() == 1


@variants(
    (v1, {}, UNDONE), (v0, {}, UNDONE), (v1, {"reflection": REPAIRED}, ""),
    (v0, {"reflection": REPAIRED}, ""),
)  # fmt: skip
def test_reflected_flows_do_not_stick_to_the_walls(version, rules):
    end = after(version, tiny(version, "tiny_steps", rules=rules), 2)
    moved = end.active & (end.age > 0)
    assert not (end.position[moved][:, :2].abs() == 1).any()


RAW = "a terminated flow gets its z from beyond the plane back"


@variants(
    (v1, {"marking": REPAIRED}, RAW),
    (v0, {"marking": REPAIRED, "zdepth": REPAIRED}, RAW),
    (v1, {"marking": REPAIRED, "reflection": REPAIRED}, ""),
    (v0, {"marking": REPAIRED, "zdepth": REPAIRED, "reflection": REPAIRED}, ""),
)
def test_completed_flows_lie_on_a_plane(version, rules):
    end = after(version, tiny(version, rules=rules))
    assert int(end.completed.sum()) > 10
    assert (end.position[end.completed][:, 2].abs() == 1).all()


def test_distances_beyond_the_plane_stay_below_the_longest_step():
    # independent reference run: at most 0.54
    end = after(v1, tiny(v1, rules={"marking": REPAIRED}))
    beyond = end.position[end.completed][:, 2].abs() - 1
    assert 0 < float(beyond.max()) < 0.5 + 4 * 0.05


LATE = "s stays below ⌊D/2⌋ in a forward of ⌊D/2⌋ steps"


@variants(
    (v1, {"marking": REPAIRED}, LATE),
    (v0, {"marking": REPAIRED, "zdepth": REPAIRED}, LATE),
    (v1, {"marking": REPAIRED, "projection": REPAIRED}, ""),
    (v0, {"marking": REPAIRED, "zdepth": REPAIRED, "projection": REPAIRED,
          "counting": REPAIRED}, ""),
)  # fmt: skip
def test_projection_leaves_no_first_flow_unfinished(version, rules):
    case = tiny(version, rules={"reflection": REPAIRED} | rules, cleanup=999)
    end = after(version, replace(case, stop=v1.Stop(99, 1, 99)))
    first = (end.id >= 0) & (end.parent < 0)
    assert not end.active[first].any()


@BOTH
def test_projection_fires_only_through_the_double_count(version):
    ends = [after(version, tiny(version, rules={"reflection": r})) for r in (FOUND, REPAIRED)]
    fired = [int(column(end, "projected").sum()) for end in ends]
    assert fired[1] == 0
    assert (fired[0] > 0) == (version is v1)


def test_the_found_projection_goes_to_z0_from_either_half():
    case = tiny(v1, "tiny_steps")
    start = v1.engine.initial(case)
    old = start._replace(steps=torch.where(start.active, 99, 0), position=start.position.clone())
    old.position[: case.cells, 2] = 0.4
    for rule, planes in ((FOUND, [1]), (REPAIRED, [1, 2])):
        end = after(v1, tiny(v1, "tiny_steps", rules={"projection": rule}), 1, old)
        flung = int(column(end, "terminated")[0])
        assert flung == 0
        assert end.plane[end.completed].unique().tolist() == planes


@variants(
    (v0, {}, "normalised z is compared with D: a flow on zdepth is not marked"),
    (v0, {"zdepth": REPAIRED}, ""),
    (v1, {}, ""),
)
def test_flows_that_reach_zdepth_are_collected(version, rules):
    end = after(version, tiny(version, rules=rules))
    assert int(column(end, "terminated").sum()) > 0
    assert int(((end.plane == 2) & (end.group >= 0)).sum()) > 0


SWEPT = "the final marking sweeps one half of the cube to z0 and loses the other"


@variants(
    (v1, {}, SWEPT), (v0, {}, SWEPT), (v1, {"marking": REPAIRED}, ""),
    (v0, {"marking": REPAIRED}, ""),
)  # fmt: skip
def test_the_last_step_completes_no_flow_inside_the_cube(version, rules):
    case = tiny(version, rules={"reflection": REPAIRED} | rules, longest=1, depth=40)
    end = after(version, case)
    assert not (end.completed & (end.position[:, 2].abs() < 1)).any()


@BOTH
def test_the_found_marking_takes_the_lower_half_and_no_other(version):
    end = after(version, tiny(version, longest=1, depth=40, rules={"reflection": REPAIRED}))
    z = end.position[:, 2]
    assert (z[end.active] > 0).all()
    assert (z[end.completed] <= 0).all()
    assert int(end.active.sum()) > 0
    assert int(end.completed.sum()) > 0


@variants((v0, {}, "s is 0 for ever"), (v0, {"counting": REPAIRED}, ""), (v1, {}, ""))
def test_updates_are_counted(version, rules):
    end = after(version, tiny(version, rules=rules))
    assert end.steps.max() > 0


@variants(
    (v1, {}, ""),
    (v1, {"noise": FOUND}, "noise belongs to the place in the batch"),
    (v0, {}, ""),
    (v0, {"noise": FOUND}, "noise belongs to the place in the batch"),
)
def test_a_flow_moves_the_same_without_its_neighbours(version, rules):
    case = tiny(version, "tiny_steps", rules=rules, dtype=torch.float64)
    start = version.engine.initial(case)
    fewer = start._replace(active=start.active & (start.id % 3 != 0))
    fewer = fewer._replace(completed=(start.id >= 0) & ~fewer.active)
    one, other = (after(version, case, 1, s).position for s in (start, fewer))
    kept = fewer.active
    torch.testing.assert_close(one[kept], other[kept], rtol=0, atol=1e-12)


# --- cleanup ---


def shares(version, interval, rules=None):
    """Share of the output that is not zero, over three equal forwards of 7 steps."""
    case = tiny(version, depth=40, longest=7, cleanup=interval, rules=rules)
    case = replace(case, stop=v1.Stop(99, 1, 99), capacity=600, spawn=v1.Spawn(9.0, 0), scale=3.0)
    state, found = version.engine.initial(case), []
    for _ in range(3):
        state = after(version, case, 1, state._replace(forward=torch.tensor(0)))
        found.append(float((state.output != 0).double().mean()))
    return found


def test_in_the_dictionary_the_cleanup_interval_is_part_of_the_result():
    # independent reference run, B = 2, 6 x 6 x 40, 7 steps: 0.306, 0.056, 0.014 at
    # interval 10; 0, 0, 0 at 7; 0.306 three times without cleanup
    rules = {"marking": REPAIRED, "zdepth": REPAIRED}
    never = shares(v0, 999, rules)
    assert never[0] == never[1] == never[2] > 0
    ten = shares(v0, 10, rules)
    assert ten[0] == never[0]
    assert ten[1] < never[0]
    assert ten[2] < never[0]
    assert shares(v0, 7, rules) == [0, 0, 0]


@variants((v0, {}, "cleanup deletes what was not yet collected"), (v1, {}, ""))
def test_the_cleanup_interval_leaves_the_output_alone(version, rules):
    case = tiny(version, depth=40, longest=7, rules=rules)
    ends = [after(version, replace(case, cleanup=n), 3).output for n in (3, 10, 1000)]
    assert torch.equal(ends[0], ends[1])
    assert torch.equal(ends[1], ends[2])


def test_a_cleanup_at_the_last_step_leaves_the_marked_flows_only():
    case = tiny(v0, "tiny_cleanup_last", rules={"reflection": REPAIRED})
    end = after(v0, case)
    assert int(end.clock) % case.cleanup == 0
    assert end.completed.any()
    assert (end.position[end.completed][:, 2].abs() < 1).all()
