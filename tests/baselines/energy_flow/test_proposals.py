"""Facts about proposals for the energy flow that no optimization folder decides."""

from dataclasses import replace
from pathlib import Path

import memray
import pytest
import torch

import baselines.energy_flow_v0 as v0
import baselines.energy_flow_v1 as v1
from baselines.energy_flow_v0.collect import candidates
from baselines.energy_flow_v0.population import Flow
from baselines.energy_flow_v1.collect import strengths
from baselines.energy_flow_v1.geometry import distance
from baselines.energy_flow_v1.network import draw_mover, ready
from baselines.energy_flow_v1.travel import loop_step
from groundspeed.baselines.engine import clone
from optimizations.energy_flow_numba.implementation import engine as native
from optimizations.energy_flow_v0_scatter.implementation import adopt as adopt_rows
from optimizations.energy_flow_v0_spatial_hash.implementation import SpatialHash

torch.set_num_threads(1)


def test_listing_ids_is_the_same_loop_over_all_flows():
    case = v0.engine.cases["silent_sample"]
    population = v0.engine.adopt(case, v0.engine.initial(case))
    looked_at = []

    class Watched(Flow):
        def __getattribute__(self, name):
            if name == "active":
                looked_at.append(0)
            return super().__getattribute__(name)

    flows = {id: Watched(**vars(flow)) for id, flow in population.flows.items()}
    population = population._replace(flows=flows)
    found = candidates(population)
    once = len(looked_at)
    listed = [id for id, flow in flows.items() if not flow.active]
    assert [flow.id for flow in found] == listed
    assert len(looked_at) == 2 * once == 2 * len(flows)


def test_the_list_of_pairs_deletes_one_by_one_what_a_list_of_ids_does():
    class Counting(dict):
        removed = 0

        def __delitem__(self, key):
            self.removed += 1
            super().__delitem__(key)

        def pop(self, *key):
            self.removed += 1
            return super().pop(*key)

    ids, pairs = (Counting((i, i % 3 == 0) for i in range(30)) for _ in range(2))
    for id in [id for id, active in ids.items() if not active]:
        del ids[id]
    for id in [id for id, _ in [(id, a) for id, a in pairs.items() if not a]]:
        pairs.pop(id, None)
    assert ids == pairs
    assert ids.removed == pairs.removed == 20


def test_a_flow_stays_in_every_cell_of_the_spatial_hash_that_it_was_in():
    table = SpatialHash(v0.engine.cases["tiny"])
    for x in (-0.9, 0.0, 0.9):
        table.insert(7, torch.tensor([x, 0.0, 0.0]))
    assert sum(ids.count(7) for ids in table.grid.values()) == 3


def peak_of(make, tmp_path: Path, name: str) -> int:
    """Bytes allocated at the peak while ``make`` builds what it returns."""
    file = tmp_path / name
    with memray.Tracker(file):
        kept = make()
    del kept
    return memray.FileReader(file).metadata.peak_memory


def test_rows_of_arrays_take_at_most_a_fifth_of_the_memory_of_objects(tmp_path):
    case = replace(v0.engine.cases["collect_1e4"], given=v0.Scattered(2000), capacity=2000)
    start = v0.engine.initial(case)
    objects = peak_of(lambda: v0.engine.adopt(case, clone(start)), tmp_path, "objects")
    rows = peak_of(lambda: adopt_rows(case, clone(start)), tmp_path, "rows")
    assert rows <= 0.2 * objects


def test_each_energy_is_computed_once_a_step():
    case = v1.engine.cases["tiny_steps"]
    start = v1.engine.initial(case)
    mover = ready(draw_mover(case), case)
    seen = []

    class Watched(type(mover.energy)):
        def __call__(self, x):
            seen.append(len(x))
            return super().__call__(x)

    step = loop_step(case, mover._replace(energy=Watched(*mover.energy)))
    step(clone(start))
    assert seen == [int(start.active.sum())]


def test_weights_of_a_flow_change_between_collections():
    case = v1.engine.cases["tiny"]
    ends = [v1.engine.runner(case)(v1.engine.initial(case), n) for n in (1, 2)]
    weights = [strengths(e.energy, e.position[:, 2], e.steps)[:72] for e in ends]
    assert (weights[0] != weights[1]).double().mean() > 0.9
    assert not torch.equal(*(distance(e.position[:, 2]) for e in ends))


def test_a_whole_forward_and_its_collection_are_timed_cases():
    timed = {case.part for case in v1.engine.cases.values() if case.timed}
    assert {"forward", "collect"} <= timed


def test_native_collection_refuses_a_field_in_pieces():
    case = v1.engine.cases["groups"]
    state = v1.engine.initial(case)
    strided = state._replace(energy=state.energy.repeat_interleave(2)[::2])
    with pytest.raises(ValueError, match="allowed: contiguous"):
        native.prepare(case)(strided)
