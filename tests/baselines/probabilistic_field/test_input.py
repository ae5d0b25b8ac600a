"""Bad input to the probabilistic field is refused in one line: what was got, what is allowed."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from baselines import probabilistic_field_v0 as v0
from baselines import probabilistic_field_v1 as v1
from baselines.probabilistic_field_v0 import FieldCase, Images, Patch, Region, Scatter

both = pytest.mark.parametrize("package", [v0, v1], ids=["v0", "v1"])
CASE = FieldCase(steps=1, shape=(12, 10), workspace=(4, 5))
INSIDE = Region(0, 12, 0, 10)
few = settings(max_examples=60, deadline=None)


def refused(call, *arguments, **named):
    """The one line with which the call refuses."""
    with pytest.raises(ValueError, match="allowed") as caught:
        call(*arguments, **named)
    line = str(caught.value)
    assert "\n" not in line
    return line


def varied(**changes):
    return refused(lambda: replace(CASE, **changes))


# cases


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.int64, torch.complex64])
def test_a_dtype_that_is_no_field_is_refused(dtype):
    assert str(dtype) in varied(dtype=dtype)


@few
@given(st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.01]))
def test_a_time_step_that_is_none_is_refused(dt):
    assert str(dt) in varied(dt=dt)


@few
@given(st.integers(-5, 0))
def test_a_trajectory_without_steps_is_refused(steps):
    assert str(steps) in varied(steps=steps)


@few
@given(st.lists(st.integers(-4, 40_000), max_size=3).map(tuple))
def test_a_grid_of_another_rank_or_size_is_refused(shape):
    if len(shape) == 2 and 4 <= shape[0] <= 32767 and 3 <= shape[1] <= 32767:
        assert replace(CASE, shape=shape).cells == shape[0] * shape[1]
    else:
        assert "shape" in varied(shape=shape) or shape[0] == 3


@few
@given(st.lists(st.integers(-4, 40_000), max_size=3).map(tuple))
def test_a_workspace_of_another_rank_or_size_is_refused(workspace):
    if len(workspace) == 2 and 1 <= workspace[0] <= 12 and 1 <= workspace[1] <= 32767:
        assert replace(CASE, workspace=workspace).workspace == workspace
    else:
        assert "workspace" in varied(workspace=workspace)


def test_sizes_that_are_no_integers_are_refused():
    assert "12.0" in varied(shape=(12.0, 10))
    assert "True" in varied(workspace=(True, 5))


@few
@given(st.tuples(*[st.integers(-20, 30)] * 4))
def test_a_region_is_refused_where_it_is_empty_reversed_or_off_the_grid(bounds):
    y0, y1, x0, x1 = bounds
    if y0 >= y1 or x0 >= x1:
        refused(Region, *bounds)
        return
    region = Region(*bounds)
    inside = y0 >= 0 and y1 <= 12 and x0 >= 0 and x1 <= 10
    parts = (Patch(region, (0.0, 1.0), (0.0, 1.0)), Scatter(region, 3, 1.0))
    for part in parts:
        if inside:
            assert replace(CASE, start=(part,)).start == (part,)
        else:
            assert "region" in varied(start=(part,))
    if not inside:
        assert "region" in varied(images=Images(region, 1, (2, 2)))


@pytest.mark.parametrize("bound", [1.5, "3", None, True])
def test_a_region_with_bounds_that_are_no_integers_is_refused(bound):
    assert repr(bound) in refused(Region, 0, bound, 0, 2)


@few
@given(st.tuples(st.floats(), st.floats()), st.sampled_from(["energy", "density"]))
def test_a_patch_outside_the_caps_is_refused(pair, name):
    cap = {"energy": 1000, "density": 1e6}[name]
    part = replace(Patch(INSIDE, (0.0, 1.0), (0.0, 1.0)), **{name: pair})
    if 0 <= pair[0] <= pair[1] <= cap:
        assert replace(CASE, start=(part,)).start == (part,)
    else:
        assert name in varied(start=(part,))


@pytest.mark.parametrize(("count", "energy"), [(0, 1.0), (3, -1.0), (3, 1001.0), (3, math.nan)])
def test_nodes_outside_the_caps_are_refused(count, energy):
    varied(start=(Scatter(INSIDE, count, energy),))


def test_a_start_of_another_kind_is_refused():
    assert "'noise'" in varied(start=("noise",))


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "int8"},
        {"count": 0},
        {"shape": (0, 3)},
        {"levels": (-1, 3)},
        {"levels": (5, 3)},
        {"levels": (0, 256)},
        {"levels": (0, math.nan)},
    ],
)
def test_images_that_cannot_be_drawn_are_refused(changes):
    refused(lambda: replace(Images(INSIDE, 2, (3, 3)), **changes))


# entry points


def fields(shape=(12, 10), dtype=torch.float32, device="cpu"):
    return torch.ones(shape, dtype=dtype, device=device)


BAD_FIELDS = [
    (fields((12,)), fields((12,))),
    (fields((2, 12, 10)), fields((2, 12, 10))),
    (fields(), fields((12, 9))),
    (fields(), fields(dtype=torch.float64)),
    (fields(dtype=torch.float16), fields(dtype=torch.float16)),
    (fields(dtype=torch.int64), fields(dtype=torch.int64)),
    (fields(), fields(device="meta")),
    (fields() * math.nan, fields()),
    (fields(), fields() * math.inf),
]


@pytest.mark.parametrize(("E", "R"), BAD_FIELDS)
def test_fields_that_do_not_match_are_refused(E, R):
    image = torch.zeros(12, 10, dtype=torch.uint8)
    refused(v0.inject_image, E, R, image, INSIDE)
    one = torch.zeros(1, dtype=torch.int64)
    refused(v0.add_nodes_batch, E, R, one, one, torch.ones(1))


@pytest.mark.parametrize(
    "image",
    [
        torch.zeros(12, dtype=torch.uint8),
        torch.zeros(3, 12, 10),
        torch.zeros(0, 10),
        torch.zeros(12, 10, dtype=torch.int64),
        torch.zeros(12, 10, dtype=torch.complex64),
        torch.zeros(12, 10, device="meta"),
        torch.full((12, 10), math.nan),
        torch.full((12, 10), math.inf),
    ],
    ids=["rank 1", "rank 3", "empty", "int64", "complex", "elsewhere", "nan", "inf"],
)
def test_an_image_that_is_none_is_refused(image):
    assert "image" in refused(v0.inject_image, fields(), fields(), image, INSIDE)


@few
@given(st.tuples(*[st.integers(-3, 14)] * 4).filter(lambda b: b[0] < b[1] and b[2] < b[3]))
def test_an_image_is_shown_inside_the_grid_only(bounds):
    region, image = Region(*bounds), torch.zeros(3, 3)
    if bounds[0] >= 0 and bounds[1] <= 12 and bounds[2] >= 0 and bounds[3] <= 10:
        E, _ = v0.inject_image(fields(), fields(), image, region)
        assert float(E.sum()) == 120 - math.prod(region.shape)
    else:
        assert "region" in refused(v0.inject_image, fields(), fields(), image, region)


@both
@few
@given(
    st.lists(st.integers(-2, 13), max_size=6),
    st.lists(st.integers(-2, 13), max_size=6),
    st.lists(st.floats(width=32), max_size=6),
)
def test_nodes_off_the_grid_or_out_of_the_caps_are_refused(package, y, x, energy):
    good = (
        len(y) == len(x) == len(energy)
        and all(0 <= v < 12 for v in y)
        and all(0 <= v < 10 for v in x)
        and all(0 <= e <= 1000 for e in energy)
    )
    whole = [torch.tensor(v, dtype=torch.int64) for v in (y, x)]
    arguments = (fields(), fields(), *whole, torch.tensor(energy, dtype=torch.float32))
    if good:
        E, R = package.add_nodes_batch(*arguments)
        assert float(R.sum()) <= 120 + len(y)
        assert float(E.sum()) <= 120 + sum(energy) + 1e-2
    else:
        refused(package.add_nodes_batch, *arguments)


@pytest.mark.parametrize(
    ("y", "energy"),
    [
        (torch.zeros(2), torch.ones(2)),
        (torch.zeros(1, 2, dtype=torch.int64), torch.ones(1, 2)),
        (torch.zeros(2, dtype=torch.int64, device="meta"), torch.ones(2)),
        (torch.zeros(2, dtype=torch.int64), torch.ones(2).double()),
        (torch.zeros(2, dtype=torch.int64), torch.ones(2, device="meta")),
    ],
    ids=["floating", "rank 2", "elsewhere", "wide energy", "energy elsewhere"],
)
def test_nodes_of_another_type_are_refused(y, energy):
    refused(v0.add_nodes_batch, fields(), fields(), y, y, energy)


@both
@few
@given(st.tuples(*[st.integers(-40, 60)] * 4).filter(lambda b: b[0] < b[1] and b[2] < b[3]))
def test_a_reading_may_leave_the_grid_by_as_much_as_the_grid_is_large(package, bounds):
    w, region = package.engine.initial(CASE).w, Region(*bounds)
    near = bounds[0] >= -12 and bounds[1] <= 24 and bounds[2] >= -10 and bounds[3] <= 20
    if near:
        assert package.read_workspace_energies(CASE, w, region).shape == region.shape
    else:
        assert "region" in refused(package.read_workspace_energies, CASE, w, region)


@pytest.mark.parametrize("w", [torch.ones(20), torch.ones(5, 4), torch.ones(4, 5).int()])
def test_energies_that_are_not_the_workspaces_are_refused(w):
    assert "w is" in refused(v0.read_workspace_energies, CASE, w, INSIDE)


@pytest.mark.parametrize("w", [torch.ones(20), torch.ones(4, 5).int()])
def test_a_grid_of_energies_is_of_two_axes_and_floating(w):
    assert "w is" in refused(v0.workspace_grid, w)


@pytest.mark.parametrize("name", ["E", "R", "w"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_metrics_of_a_state_that_is_not_finite_are_refused(name, value):
    state = v0.engine.initial(CASE)
    getattr(state, name)[0, 0] = value
    assert name in refused(v0.metrics, state)
