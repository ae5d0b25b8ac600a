"""Several steps in one pass are the frozen steps to the bit, whatever the grid is a multiple of."""

import pytest
import torch

from baselines.lattice_field_v1 import engine as frozen
from groundspeed.baselines.engine import clone, replace
from optimizations.lattice_field_wavefront import implementation as plane
from optimizations.lattice_field_wavefront_3d import implementation as box

SLAB, PLANE = frozen.cases["slab"], frozen.cases["plane_256"]


def both(engine, case, calls=2):
    """(frozen, this) after as many calls."""
    start = frozen.initial(case)
    step, right = frozen.prepare(case), clone(start)
    for _ in range(calls * engine.stride):
        right = step(right)
    step, state = engine.prepare(case), engine.adopt(case, clone(start))
    for _ in range(calls):
        state = step(state)
    return right, engine.observe(case, state)


@pytest.mark.parametrize("rows", [21, 22, 43, 44, 45, 66, 67])
def test_in_the_box_at_every_edge_of_a_tile(rows, monkeypatch):
    monkeypatch.setattr(box, "TILE_BYTES", 1)  # tiles of the least height, 22 rows
    right, found = both(box.engine, replace(SLAB, shape=(26, rows, 9), steps=20))
    assert torch.equal(found.E, right.E)
    assert torch.equal(found.E_prev, right.E_prev)


@pytest.mark.parametrize("rows", [22, 24, 40])
def test_in_the_plane(rows):
    right, found = both(plane.engine, replace(PLANE, shape=(rows, 13), steps=8))
    assert torch.equal(found.E, right.E)
    assert torch.equal(found.E_prev, right.E_prev)


@pytest.mark.parametrize(
    ("engine", "case"),
    [
        (box.engine, replace(SLAB, shape=(27, 26, 9))),
        (box.engine, replace(SLAB, shape=(26, 20, 9))),
        (plane.engine, replace(PLANE, shape=(25, 13))),
    ],
)
def test_a_grid_that_it_cannot_tile_is_refused(engine, case):
    with pytest.raises(ValueError, match="allowed"):
        engine.prepare(case)
