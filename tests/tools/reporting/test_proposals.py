"""Every row of the ledger has a decision, and what it names exists and agrees."""

import re

import pytest

from groundspeed.tools.reporting import proposals
from groundspeed.tools.reporting.proposals import Decision, Proposal
from groundspeed.validation import discovery
from groundspeed.validation.records import digests
from groundspeed.validation.records.base import BrokenRecord

DOCUMENTS = proposals.documents()

ROW = {
    "id": "x",
    "section": "1",
    "says": "faster",
    "decision": "CONFIRMED",
    "because": "measured",
}


def disagreements(row: Proposal) -> list[str]:
    """What of a row is not so: names that do not exist, or that say otherwise."""
    wrong = [f"no optimization {n}" for n in row.optimizations if n not in discovery.names()]
    wrong += [f"no test {t}" for t in row.test if not exists(t)]
    if wrong:
        return wrong
    decided = bool(row.optimizations or row.test)
    by_reason = (Decision.NOT_APPLICABLE, Decision.NEEDS_A_GPU)
    if not row.because.strip():
        wrong.append("gives no reason")
    if row.decision not in by_reason and not decided:
        wrong.append("names neither an optimization nor a test that decides it")
    outcomes = {proposals.outcome(name) for name in row.optimizations}
    fitting = {
        Decision.CONFIRMED: {"verified"},
        Decision.CHANGES_PHYSICS: {"rejected", "approximate"},
    }.get(row.decision)
    if fitting and not row.test and not outcomes & fitting:
        wrong.append(f"is {row.decision}, but its optimizations are {sorted(outcomes)}")
    return wrong


def exists(test: str) -> bool:
    """Whether ``file::name`` or ``file::Class::name`` is defined there."""
    file, *names = test.split("::")
    if not (digests.ROOT / file).exists():
        return False
    text = (digests.ROOT / file).read_text(encoding="utf-8")
    return all(re.search(rf"(def|class) {re.escape(n.partition('[')[0])}\b", text) for n in names)


def test_what_a_row_names_exists_and_agrees():
    rows = [(f"{name}: {row.id}", row) for name, doc in DOCUMENTS.items() for row in doc.row]
    assert {where: wrong for where, row in rows if (wrong := disagreements(row))} == {}


def test_no_row_stands_twice():
    ids = [row.id for document in DOCUMENTS.values() for row in document.row]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"optimizations": ["nowhere"]}, "no optimization nowhere"),
        ({"test": "tests/tools/reporting/test_proposals.py::test_not_there"}, "no test"),
        ({}, "names neither"),
        ({"optimizations": ["lattice_field_threshold"]}, "is CONFIRMED, but"),
        (
            {"optimizations": ["lattice_field_numba"], "decision": "CHANGES PHYSICS"},
            "is CHANGES PHYSICS, but",
        ),
    ],
)
def test_a_row_that_does_not_agree_says_why(change, complaint):
    wrong = disagreements(proposals.Proposal(**(ROW | change)))
    assert any(complaint in line for line in wrong)


def test_a_row_without_a_decision_names_the_file(tmp_path):
    folder = tmp_path / "optimizations" / "ledger"
    folder.mkdir(parents=True)
    (folder / "review.toml").write_text('title = "A review"\n[[row]]\nid = "x"\nsection = "1"\n')
    with pytest.raises(BrokenRecord, match=r"review\.toml.*decision"):
        proposals.documents(tmp_path)
