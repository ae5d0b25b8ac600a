"""Bad input to the flow engine is refused with what was got and what is allowed."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import baselines.energy_flow_v0 as v0
import baselines.energy_flow_v1 as v1
from baselines.energy_flow_v0.collect import aggregate as aggregate_objects
from baselines.energy_flow_v0.collect import grouped
from baselines.energy_flow_v1 import FlowState, Groups, Rules, Scattered, Spawn, Stop
from baselines.energy_flow_v1.collect import aggregate, keys
from baselines.energy_flow_v1.geometry import cells
from baselines.energy_flow_v1.noise import normals

torch.set_num_threads(1)

BOTH = pytest.mark.parametrize("version", [v0, v1], ids=["v0", "v1"])
SAYS = r"allowed: "
CASES = {v0: v0.engine.cases["silent_sample"], v1: v1.engine.cases["silent_sample"]}
STARTS = {version: version.engine.initial(case) for version, case in CASES.items()}
FLOATING = [n for n, t in zip(FlowState._fields, STARTS[v1], strict=True) if t.is_floating_point()]


BAD = st.one_of(
    st.sampled_from(
        ["width", "height", "depth", "batch", "capacity", "layers", "hidden", "embedding", "steps"]
    ).flatmap(lambda name: st.tuples(st.just(name), st.integers(max_value=0))),
    st.tuples(st.sampled_from(["width", "height"]), st.just(1)),
    st.tuples(
        st.sampled_from(["sigma", "scale", "least_move"]),
        st.floats(max_value=-1e-9) | st.sampled_from([float("nan"), float("inf")]),
    ),
    st.tuples(st.just("cleanup"), st.integers(max_value=0)),
    st.tuples(st.just("longest"), st.integers(max_value=0)),
    st.tuples(st.just("part"), st.text(max_size=5)),
    st.tuples(st.just("dtype"), st.sampled_from([torch.float16, torch.int64, torch.complex64])),
    st.tuples(st.just("spawn"), st.sampled_from([Spawn(0.0, 1), Spawn(0.1, -1)])),
    st.tuples(st.just("stop"), st.sampled_from([Stop(-1, 0.9, 1), Stop(1, 0, 1), Stop(1, 0.9, 0)])),
    st.tuples(st.just("mapper"), st.just((0, 4))),
    st.tuples(st.just("given"), st.none()),
)


@BOTH
@given(change=BAD)
@settings(max_examples=80, deadline=None)
def test_a_bad_parameter_is_refused(version, change):
    with pytest.raises(ValueError, match=SAYS):
        replace(CASES[version], **dict([change]))


@BOTH
def test_flows_are_given_to_collections_only(version):
    with pytest.raises(ValueError, match=SAYS):
        replace(version.engine.cases["tiny"], given=Scattered(10))


@BOTH
def test_a_trajectory_of_single_steps_is_no_longer_than_a_forward(version):
    with pytest.raises(ValueError, match="at most 4"):
        replace(version.engine.cases["tiny_steps"], steps=5)


@pytest.mark.parametrize("rules", [v0.Rules, v1.Rules], ids=["v0", "v1"])
def test_a_rule_is_as_found_or_repaired(rules):
    with pytest.raises(ValueError, match="'as found', 'repaired'"):
        rules(reflection="mended")
    assert rules.all(v1.REPAIRED).reflection == v1.REPAIRED


@BOTH
def test_more_flows_than_the_capacity_are_refused(version):
    case = replace(CASES[version], given=Groups((60, 60)))
    with pytest.raises(ValueError, match="120 flows given; allowed: at most the capacity, 100"):
        version.engine.initial(case)


def spoil(field, how):
    """The field with one thing wrong, or None where that cannot be."""
    if how == "dtype":
        return field.to(torch.int32 if not field.is_floating_point() else torch.float64)
    if how == "rank":
        return field[None]
    if how == "size":
        return torch.cat([field, field]) if field.ndim else field.expand(2)
    if not field.is_floating_point():
        return None
    spoilt = field.clone()
    spoilt.view(-1)[-1] = float(how)
    return spoilt


@BOTH
@given(
    name=st.sampled_from(FlowState._fields),
    how=st.sampled_from(["dtype", "rank", "size", "nan", "inf", "-inf"]),
)
@settings(max_examples=150, deadline=None)
def test_a_state_that_does_not_fit_the_case_is_refused(version, name, how):
    spoilt = spoil(getattr(STARTS[version], name), how)
    if spoilt is None:
        return
    run = version.engine.runner(CASES[version])
    with pytest.raises(ValueError, match=SAYS):
        run(STARTS[version]._replace(**{name: spoilt}), 1)


@BOTH
@pytest.mark.parametrize(("name", "value"), [("sample", 4), ("sample", -1), ("plane", 3)])
def test_samples_and_planes_that_do_not_exist_are_refused(version, name, value):
    start = STARTS[version]
    spoilt = getattr(start, name).clone()
    spoilt[0] = value
    with pytest.raises(ValueError, match=f"{name} runs from .* allowed: 0 to"):
        version.engine.adopt(CASES[version], start._replace(**{name: spoilt}))


@pytest.mark.parametrize(
    "position",
    [
        torch.zeros(3),
        torch.zeros(4, 2),
        torch.zeros(4, 3, dtype=torch.int64),
        torch.full((1, 3), torch.nan),
        torch.full((1, 3), torch.inf),
    ],
    ids=["rank", "shape", "dtype", "nan", "inf"],
)
def test_positions_that_have_no_cell_are_refused(position):
    with pytest.raises(ValueError, match=SAYS):
        cells(position, 4, 4)


@pytest.mark.parametrize(("width", "height"), [(1, 4), (4, 1), (0, 0)])
def test_a_lattice_one_cell_wide_is_refused(width, height):
    with pytest.raises(ValueError, match="at least 2 x 2"):
        cells(torch.zeros(1, 3), width, height)


def test_a_dictionary_flow_without_a_place_is_refused():
    case = CASES[v0]
    flows = list(v0.engine.adopt(case, STARTS[v0]).flows.values())[:2]
    flows[1].position = torch.full((3,), torch.nan)
    with pytest.raises(ValueError, match=SAYS):
        grouped(case, flows)


def test_groups_that_cannot_be_aggregated_are_refused():
    two = torch.zeros(2)
    for energy, strength in [
        (two[:0], two[:0]),
        (two, two[:1]),
        (two, two.double()),
        (two[None], two[None]),
    ]:
        with pytest.raises(ValueError, match=SAYS):
            aggregate(energy, strength)
    with pytest.raises(ValueError, match="at least 1"):
        aggregate_objects(CASES[v0], [])


def test_keys_of_samples_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="allowed: 0 to 3"):
        keys(CASES[v1], torch.tensor([4]), torch.zeros(1, 3))


@pytest.mark.parametrize(
    ("forward", "flow", "step"),
    [
        (torch.tensor(0), torch.zeros(3), torch.tensor(0)),
        (torch.tensor(0), torch.tensor(3), torch.tensor(0)),
        (torch.tensor([0]), torch.arange(3), torch.tensor(0)),
        (torch.tensor(0), torch.arange(3), torch.tensor(0.0)),
    ],
)
def test_noise_for_no_flow_is_refused(forward, flow, step):
    with pytest.raises(ValueError, match="allowed: torch.int64 of rank"):
        normals(0, forward, flow, step)


def test_unknown_rules_are_refused_in_a_case():
    assert Rules.all(v1.AS_FOUND).mask == v1.AS_FOUND
    with pytest.raises(TypeError):
        Rules(unheard_of=v1.REPAIRED)
