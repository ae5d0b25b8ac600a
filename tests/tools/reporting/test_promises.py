"""Promised speedups beside measured ones."""

from types import SimpleNamespace

import pytest

from groundspeed.tools.reporting import promises, proposals
from groundspeed.tools.reporting.promises import Promise, Result
from groundspeed.tools.reporting.proposals import Document, Proposal

ROW = {"id": "x", "section": "1", "says": "faster", "because": "measured", "speedup": (2.0, 3.0)}


def proposal(decision: str = "CONFIRMED", **more) -> Proposal:
    return Proposal(**ROW | more, decision=decision)


def measured(low: float, speedup: float, high: float) -> SimpleNamespace:
    """A timing with these speedups; ratios are their inverses."""
    return SimpleNamespace(ratio=1 / speedup, low=1 / high, high=1 / low, speedup=speedup)


@pytest.mark.parametrize(
    ("interval", "result", "factor"),
    [
        ((5.0, 6.0, 7.0), Result.MORE, 2.0),
        ((2.5, 2.9, 3.5), Result.AS_PROMISED, None),
        ((1.7, 1.9, 2.1), Result.AS_PROMISED, None),
        ((0.9, 1.5, 2.5), Result.UNDECIDED, None),
        ((0.9, 1.0, 1.1), Result.LESS, 0.5),
    ],
)
def test_a_promise_is_held_against_the_whole_interval(interval, result, factor):
    found = Promise(proposal(), "", timing=measured(*interval))
    assert found.result is result
    assert found.factor == (pytest.approx(factor) if factor else None)


def test_a_promise_without_a_number_or_with_other_physics_says_so():
    assert Promise(proposal(), "").result is Result.NOT_MEASURED
    assert Promise(proposal("CHANGES PHYSICS"), "").result is Result.OTHER_PHYSICS


def test_the_fastest_optimization_speaks_for_its_proposal_and_the_best_kept_come_first(monkeypatch):
    numbers = {
        "held": [measured(2.1, 2.5, 2.9)],
        "exceeded": [measured(5, 6, 7), measured(50, 60, 70)],
        "exceeded a little": [measured(4, 4.5, 5)],
        "missed": [measured(1.0, 1.1, 1.2)],
    }
    monkeypatch.setattr(
        proposals, "best",
        lambda row, view: [
            {"name": str(n), "case": "c", "where": "", "timing": timing}
            for n, timing in enumerate(numbers.get(row.id, ()))
        ],
    )  # fmt: skip
    rows = [proposal(id=name) for name in ("missed", "held", "exceeded a little", "exceeded")]
    other = proposal("CHANGES PHYSICS", id="held")
    silent = proposal(id="none", speedup=None)
    document = Document(title="A document", row=[other, *rows, silent])
    found = promises.promises({"file": document}, view=None)
    assert [p.row.id for p in found[:4]] == ["exceeded", "exceeded a little", "held", "missed"]
    assert (found[0].optimization, found[0].factor) == ("1", pytest.approx(20))
    assert found[4].result is Result.OTHER_PHYSICS
    assert found[4].timing is None
    assert promises.other_physics({"file": document}) == [(document, [other])]


def decided(optimization: str, speedup: tuple[float, float], says: str) -> Promise:
    """A promise that is decided by the one number of that optimization."""
    row = proposal(says=says, speedup=speedup)
    return Promise(row, "", optimization, "case", timing=measured(5.0, 6.0, 7.0))


def test_a_number_that_decides_several_promises_is_told_once():
    found = [
        decided("lattice_field_blocked", (2.0, 3.0), "all of it, together."),
        decided("lattice_field_blocked", (1.0, 2.0), "faster"),
        decided("tensor_field_numba", (2.0, 3.0), "other"),
        Promise(proposal("CHANGES PHYSICS", optimizations=["a"]), ""),
        Promise(proposal("CHANGES PHYSICS", optimizations=["a"], speedup=(9.0, 9.0)), ""),
    ]
    first, second, third = promises.answers(found)
    assert [len(answer.promises) for answer in (first, second, third)] == [2, 1, 2]
    assert first.says == "faster (and 1 other proposal)"
    assert first.promised == "2.00 to 3.00× and 1.00 to 2.00×"
    assert first.factor == pytest.approx(2.0)  # over the promise that it exceeds by least
    assert (third.result, third.factor) == (Result.OTHER_PHYSICS, None)


def test_the_best_of_a_simulation_is_told_whatever_the_version_of_its_engine():
    names = ["energy_flow_combined", "energy_flow_v0_numba", "tensor_field_numba"]
    found = promises.answers([decided(name, (2.0, 3.0), "x") for name in names])
    best = [answer.first.optimization for answer in promises.best_of_each(found)]
    assert best == ["energy_flow_combined", "tensor_field_numba"]
