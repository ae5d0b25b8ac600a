"""Each defect of the reviewed flow engine, where it is and where it is not.

The independent reference run: a separate implementation of the published equations with
weights of its own; its counts are quoted beside the facts that do not depend on weights.
"""

from dataclasses import replace

import pytest
import torch
from energy_flow_runs import after, column, tiny, variants

import baselines.energy_flow_v0 as v0
import baselines.energy_flow_v1 as v1
from baselines.energy_flow_v1.birth import born, reset
from baselines.energy_flow_v1.collect import candidates
from baselines.energy_flow_v1.laws import repeat_change
from baselines.energy_flow_v1.network import draw_mapper, draw_mover, ready, surface
from baselines.energy_flow_v1.travel import loop_step
from groundspeed.baselines.engine import clone

torch.set_num_threads(1)

BOTH = pytest.mark.parametrize("version", [v0, v1], ids=["v0", "v1"])
FOUND, REPAIRED = v1.AS_FOUND, v1.REPAIRED


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
