"""Costs that no noise can touch: what a step allocates, counted and not timed."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import baselines
from baselines.engine import clone
from validation import leaves

GRIDS = {  # arrays of at least half the grid's size that one step makes
    "lattice_field_buffers": 0,
    "lattice_field_blocked": 0,
    "lattice_field_active_box": 0,
}


class Allocations(TorchDispatchMode):
    """Counts operators whose result is new memory of at least so many elements."""

    def __init__(self, least: int):
        super().__init__()
        self.least, self.count = least, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        given = {t.untyped_storage().data_ptr() for t in tensors((args, kwargs or {}))}
        for made in tensors(result):
            fresh = made.untyped_storage().data_ptr() not in given
            self.count += fresh and made.numel() >= self.least
        return result


def tensors(tree):
    return [x for x in torch.utils._pytree.tree_leaves(tree) if isinstance(x, torch.Tensor)]


def allocated(engine, case) -> int:
    step = engine.prepare(case)
    state = step(engine.adopt(case, clone(engine.initial(case))))
    with Allocations(max(t.numel() for t in engine.initial(case)) // 2) as counter:
        step(state)
    return counter.count


@pytest.mark.parametrize("name", list(GRIDS))
def test_a_step_makes_no_new_grid(name):
    engine = leaves.engine(name)
    assert allocated(engine, engine.cases["slab"]) == GRIDS[name]


def test_the_counter_sees_what_the_frozen_step_makes():
    engine = baselines.load("lattice_field_v1")
    assert allocated(engine, engine.cases["slab"]) > 15
