"""One body for all engines: the frozen engine obeys its own laws in the widest type.

Cases are the small ones, whose golden arrays are kept; a new engine is covered the day
its folder appears.
"""

import math

import pytest
import torch

from groundspeed import baselines
from groundspeed.baselines.engine import clone

torch.set_num_threads(1)

ENGINES = {name: baselines.load(name) for name in baselines.names()}
SMALL = [
    (name, label)
    for name, engine in ENGINES.items()
    for label, case in engine.cases.items()
    if case.stored and case.quick
]
LAWS = [
    pytest.param(name, label, law, id=f"{name}-{label}-{law.name.replace(' ', '_')}")
    for name, label in SMALL
    for law in ENGINES[name].laws
    if law.applies(ENGINES[name].cases[label].truth)
]
EVERY_ENGINE = pytest.mark.parametrize("name", list(ENGINES))


@pytest.mark.parametrize(("name", "label", "law"), LAWS)
def test_the_engine_obeys_its_law(name, label, law):
    case = ENGINES[name].cases[label].truth
    residual = law.residual(case, ENGINES[name].initial(case), ENGINES[name].runner(case))
    assert math.isfinite(residual)
    assert residual <= law.bound, f"{law.statement}: {residual:.3g}, allowed {law.bound:.3g}"


@EVERY_ENGINE
def test_every_law_is_tried_on_a_small_case(name):
    tried = {law.name for engine, _, law in (p.values for p in LAWS) if engine == name}
    assert tried == {law.name for law in ENGINES[name].laws}
    assert tried


@EVERY_ENGINE
def test_a_law_leaves_its_start_alone(name):
    engine = ENGINES[name]
    label = next(label for owner, label in SMALL if owner == name)
    case = engine.cases[label].truth
    start, run = engine.initial(case), engine.runner(case)
    kept = clone(start)
    for law in engine.laws:
        if law.applies(case):
            law.residual(case, start, run)
    assert all(torch.equal(a, b) for a, b in zip(start, kept, strict=True))


@EVERY_ENGINE
def test_a_slightly_wrong_engine_breaks_a_law(name):
    """One part in a million on every floating-point field of every step."""
    engine, broken = ENGINES[name], []
    for label in (label for owner, label in SMALL if owner == name):
        case = engine.cases[label].truth
        right, start = engine.runner(case), engine.initial(case)

        def run(state, steps, right=right, start=start):
            for _ in range(steps):
                state = right(state, 1)
                state = type(state)(*(bent(t) for t in state))
            return state

        broken += [
            law.name
            for law in engine.laws
            if law.applies(case) and not law.residual(case, start, run) <= law.bound
        ]
        if broken:
            return
    pytest.fail(f"no law of {name} sees a relative error of 1e-6 a step")


def bent(t):
    return t * (1 + 1e-6) if t.is_floating_point() or t.is_complex() else t
