"""The named sizes and scenarios of the flow engine.

Lattices, batches, τ, σ and stop rules are those of the reviewed presets. Hidden sizes and
capacities are smaller (there 2 x 256 to 3 x 1024, and 50 000 to 200 000 rows), except
for the capacity of the cap test, whose point it is.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from .case import FlowCase, Spawn, Stop
from .given import Groups, Scattered
from .rules import AS_FOUND, REPAIRED, Rules

TINY = FlowCase(
    steps=3,
    seed=27,  # both planes are reached
    dtype=torch.float32,
    width=6,
    height=6,
    depth=8,
    batch=2,
    capacity=120,
    layers=2,
    spawn=Spawn(0.3, 1),
    stored=True,
)
DEBUG = replace(
    TINY, width=20, height=20, depth=10, batch=8, capacity=6400, stored=False, timed=True
)
EXPERIMENT = replace(
    TINY,
    seed=45,  # both planes are reached, in 11 to 16 steps
    width=28,
    height=28,
    depth=40,
    batch=16,
    capacity=20_000,
    layers=1,
    hidden=64,
    spawn=Spawn(0.5, 1),
    stop=Stop(5, 0.95, 8),
    stored=False,
    timed=True,
)
# of 100 352 flows one lies so near a cell's edge that float64 puts it beyond
STRESS = replace(EXPERIMENT, steps=1, depth=60, batch=128, capacity=120_000, quick=False)
CAP = replace(  # single steps: collecting 200 000 flows in a loop takes minutes
    EXPERIMENT,
    steps=2,
    part="step",
    width=100,
    height=100,
    depth=50,
    batch=32,
    capacity=200_000,
    hidden=16,
    mapper=(384, 384),  # the preset's 20 000 x 20 000 map is 1.6 GB of weights
    spawn=Spawn(0.1, 3),
    stop=Stop(5, 0.95, 12),
    sigma=0.1,
    timed=False,
    quick=False,
)

COLLECT = replace(
    EXPERIMENT,
    steps=1,
    part="collect",
    given=Scattered(1000),
    layers=1,
    hidden=1,
    embedding=1,
)
SMALL = replace(
    COLLECT, steps=2, width=9, height=5, batch=2, capacity=100, timed=False, stored=True
)


def scattered(count: int, **changes) -> FlowCase:
    """That many flows anywhere on the experiment's lattice, a fifth of them still active."""
    return replace(COLLECT, capacity=count, given=Scattered(count), **changes)


CASES = {
    "tiny": TINY,
    "tiny_float64": replace(TINY, dtype=torch.float64),
    "tiny_steps": replace(TINY, steps=4, part="step"),
    "tiny_full": replace(TINY, capacity=80, spawn=Spawn(0.1, 3)),
    "tiny_cut": replace(TINY, capacity=50),
    "tiny_cleanup_last": replace(TINY, cleanup=4),
    "tiny_filtered": replace(TINY, least_move=0.5),
    "tiny_repaired": replace(TINY, rules=Rules.all(REPAIRED)),
    "tiny_as_found": replace(TINY, rules=Rules.all(AS_FOUND)),
    "deep": replace(TINY, depth=40, longest=7, stored=False),
    "debug": DEBUG,
    "experiment": EXPERIMENT,
    "experiment_steps": replace(EXPERIMENT, steps=8, part="step"),
    "stress": STRESS,
    "cap": CAP,
    "groups": replace(SMALL, given=Groups((1, 2, 20, 1000)), capacity=1100),
    "groups_alike": replace(SMALL, given=Groups((1, 2, 20, 1000), alike=True), capacity=1100),
    "nothing_completed": replace(SMALL, given=Scattered(40, idle=1.0)),
    "silent_sample": replace(SMALL, batch=4, given=Scattered(100, silent=(1, 3))),
    "collect_1e3": scattered(1_000),
    "collect_1e4": scattered(10_000),
    "collect_1e5": scattered(100_000, quick=False),
}
