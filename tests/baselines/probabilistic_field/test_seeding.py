"""Seeding in other forms: cells that turn bright at each of the 24 offsets, and who pays for it."""

from dataclasses import replace

import pytest
import torch

from baselines.probabilistic_field_v0.rules import (
    INACTIVE,
    PUSH_RATE_INACTIVE,
    SEED_RATE,
    SEED_SHARE,
)
from baselines.probabilistic_field_v0.workspace import offsets
from groundspeed import baselines
from groundspeed.validation import discovery
from optimizations.probabilistic_field_blocked.nodes import exchange
from optimizations.probabilistic_field_blocked.stepping import LOOK_UP

V1 = baselines.load("probabilistic_field_v1")
shapes = pytest.mark.parametrize(
    ("shape", "workspace"),
    [((48, 40), (20, 24)), ((40, 32), (9, 32)), ((44, 37), (12, 35))],
    ids=["left edge", "both edges", "cells that only some nodes reach"],
)
FORMS = ["blocked", "numba", "compiled", "ordered_seeding", "numpy"]

pytestmark = pytest.mark.xdist_group("seeding")  # loops are compiled once, not once a worker


def brightening(shape, workspace):
    """A step of seeding alone and a state before it, in float64; pushes leave cells just dark."""
    whole = V1.cases["seeding_only_128x120"]
    case = replace(whole, shape=shape, workspace=workspace, dtype=torch.float64, start=())
    draw = torch.Generator().manual_seed(7)
    start = V1.initial(case)
    E = 0.9 + 0.1 * torch.rand(shape, generator=draw, dtype=torch.float64)
    w = 20 + 80 * torch.rand(workspace, generator=draw, dtype=torch.float64)
    under = E[shape[0] - workspace[0] - LOOK_UP :][: workspace[0], : workspace[1]]
    under -= w * PUSH_RATE_INACTIVE * case.dt
    return case, start._replace(E=E, w=w)


def last_gifts(case, start):
    """After how many of the offsets cells turn bright, by the frozen order written out."""
    (H, W), (h, columns) = case.shape, case.workspace
    E, w = start.E.clone(), start.w.clone()
    exchange(case, E[H - h - LOOK_UP : H - LOOK_UP, :columns], w)
    y, x = torch.meshgrid(torch.arange(h) + H - h - LOOK_UP, torch.arange(columns), indexing="ij")
    after = set()
    for number, (dy, dx, weight) in enumerate(offsets()):
        at, before = (y + dy, (x + dx).clamp(0, W - 1)), E.clone()
        gift = w * SEED_RATE * case.dt * weight * SEED_SHARE
        E.index_put_(at, torch.where(before[at] < INACTIVE, gift, 0), accumulate=True)
        if ((before < INACTIVE) & (E >= INACTIVE)).any():
            after.add(number)
    return after


@pytest.fixture(autouse=True)
def as_it_is_written():
    """Graphs run operation by operation: what the compiler makes of them the judge compares."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.compiler.set_stance("force_eager"):
        yield
    torch.set_num_threads(before)


@shapes
def test_cells_turn_bright_after_each_of_the_offsets(shape, workspace):
    assert last_gifts(*brightening(shape, workspace)) == set(range(24))


@pytest.mark.parametrize("form", FORMS)
@shapes
def test_each_cell_and_node_ends_as_in_the_frozen_engine(form, shape, workspace):
    case, start = brightening(shape, workspace)
    engine = discovery.engine(f"probabilistic_field_{form}")
    want = V1.runner(case)(start, 1)
    got = engine.runner(case)(start, 1)
    assert int((want.E >= 1).sum()) > int((start.E >= 1).sum())
    torch.testing.assert_close(got.E, want.E, rtol=0, atol=1e-14)
    torch.testing.assert_close(got.w, want.w, rtol=0, atol=1e-12)
