"""Mesh refinement: its error, and how the error falls with resolution."""

from dataclasses import replace
from functools import partial

import torch

from baselines.lattice_field_v1 import engine as baseline
from baselines.lattice_field_v1.state import Packet
from groundspeed.baselines.engine import clone
from optimizations.lattice_field_refined.grids import Box, outer_faces, refined
from optimizations.lattice_field_refined.implementation import adopt, composite, observe, on_box

CASE = replace(baseline.cases["packet_64"], steps=20)


def error(case, adopted):
    """Relative RMS error of E at the end."""
    start = baseline.initial(case)
    want = baseline.runner(case)(start, case.steps).E
    state, step = adopted(case, clone(start)), composite(case)
    for _ in range(case.steps):
        state = step(state)
    got = observe(case, state).E
    return float((got - want).square().mean().sqrt() / want.square().mean().sqrt())


def test_twice_the_resolution_leaves_a_quarter_of_the_error():
    def middle(case, state):
        """A box over the middle half of each axis, whatever the number of cells."""
        n = case.shape[0]
        return on_box(state, Box((n // 4,) * 3, (3 * n // 4,) * 3))

    fine = replace(CASE, shape=(64, 64, 64), start=Packet(0.01, 12.0, 32.0), steps=40)
    rough = replace(CASE, shape=(32, 32, 32), start=Packet(0.01, 6.0, 16.0), steps=20)
    ratio = error(rough, middle) / error(fine, middle)
    assert 3 < ratio < 5.5


def test_the_finer_the_box_the_smaller_the_error():
    errors = [error(CASE, partial(adopt, small=small)) for small in (0.3, 0.03, 0.003)]
    assert errors[0] > 3 * errors[1] > 9 * errors[2]


def test_interpolation_is_exact_on_what_is_linear_between_coarse_cells():
    coarse = torch.randn(6, 4, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    fine = refined(coarse)
    assert torch.equal(fine[::2, ::2, ::2], coarse)
    assert torch.equal(fine[1::2, ::2, ::2], (coarse + coarse.roll(-1, 0)) * 0.5)


def test_faces_are_the_interpolated_planes_beside_the_box():
    coarse = torch.randn(8, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    box, fine = Box((4, 4, 6), (10, 12, 12)), refined(coarse)
    for axis, (below, above) in enumerate(outer_faces(coarse, box)):
        where = list(box.fine())
        for face, at in ((below, box.low[axis] - 1), (above, box.high[axis])):
            where[axis] = at
            torch.testing.assert_close(face, fine[tuple(where)], rtol=0, atol=1e-15)
