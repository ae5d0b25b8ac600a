"""The controls of variants are what they say: right where the named cases look, wrong elsewhere."""

from functools import cache

import pytest
import torch

from groundspeed import baselines
from groundspeed.baselines.engine import State
from groundspeed.validation.corpus.common import LATTICE, SMALL
from groundspeed.validation.corpus.edited_source import edited
from groundspeed.validation.corpus.must_reject_variants import CONTROLS

MOST, STEPS = 1500, 2  # elements of the cases on which they are right, steps
ULPS = 64  # of a field's largest value, within which rounding lies
pytestmark = pytest.mark.xdist_group("corpus")


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@cache
def small(engine: str) -> dict[str, tuple[State, int, State]]:
    """Start, steps and what the baseline makes of it, for each small named case."""
    base, found = baselines.load(engine), {}
    for name, case in base.cases.items():
        if case.stored:
            start, steps = base.initial(case), min(STEPS, case.steps)
            if max(t.numel() for t in start) <= MOST:
                found[name] = start, steps, base.runner(case)(start, steps)
    return found


def differing(got: State, want: State, level: str = "exact") -> list[str]:
    """Fields that are not alike: bit for bit, or in values by more than rounding."""

    def alike(a, b):
        if level == "exact" or not (a.is_floating_point() or a.is_complex()) or a.numel() == 0:
            return torch.equal(a, b)
        return (a - b).abs().max() <= ULPS * torch.finfo(b.dtype).eps * b.abs().max()

    pairs = zip(got._fields, got, want, strict=True)
    return [name for name, a, b in pairs if not alike(a, b)]


@pytest.mark.parametrize("control", CONTROLS, ids=lambda c: f"{c.entry.engine}: {c.entry.name}")
def test_a_control_is_wrong_on_its_witness_and_on_no_small_case(control):
    entry, witness = control.entry, control.witness
    candidate = entry.candidate()
    case, start = witness.start(entry.engine)
    want = baselines.load(entry.engine).runner(case)(start, witness.steps)
    assert all(torch.isfinite(t).all() for t in want)
    assert differing(candidate.runner(case)(start, witness.steps), want, entry.level)
    for name, (start, steps, want) in small(entry.engine).items():
        got = candidate.runner(candidate.cases[name])(start, steps)
        assert (name, differing(got, want, entry.level)) == (name, [])


def test_every_engine_has_controls_of_its_own():
    engines = [control.entry.engine for control in CONTROLS]
    assert min(engines.count(engine) for engine in SMALL) >= 8
    assert len({control.entry.name for control in CONTROLS}) == len(CONTROLS)


def test_an_edit_of_what_is_not_there_is_refused():
    right = baselines.load(LATTICE)
    with pytest.raises(ValueError, match="stands 0 times"):
        edited("scheme", ("no such expression", ""))(right)
    with pytest.raises(ValueError, match=r"no \['nothing'\] in .*scheme"):
        edited("scheme", nothing=len)(right)


def test_what_is_not_edited_is_the_baseline():
    right = baselines.load(LATTICE)
    case = right.cases["odd_2d"]
    start = right.initial(case)
    same = edited("scheme")(right).runner(case)(start, 5)
    assert differing(same, right.runner(case)(start, 5)) == []
