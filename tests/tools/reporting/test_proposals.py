"""Every row of the ledger has a decision, and what it names exists and agrees."""

import pytest

from tools.reporting import proposals

DOCUMENTS = proposals.documents()
ROWS = [pytest.param(r, id=f"{d}-{r.id}") for d, doc in DOCUMENTS.items() for r in doc.row]

ROW = {
    "id": "x",
    "section": "1",
    "says": "faster",
    "decision": "CONFIRMED",
    "because": "measured",
}


@pytest.mark.parametrize("row", ROWS)
def test_what_a_row_names_exists_and_agrees(row):
    assert proposals.disagreements(row) == []


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
    wrong = proposals.disagreements(proposals.Proposal(**(ROW | change)))
    assert any(complaint in line for line in wrong)


def test_a_row_without_a_decision_names_the_file(tmp_path):
    folder = tmp_path / "optimizations" / "ledger"
    folder.mkdir(parents=True)
    (folder / "review.toml").write_text('title = "A review"\n[[row]]\nid = "x"\nsection = "1"\n')
    with pytest.raises(proposals.BrokenLedger, match=r"review\.toml.*decision"):
        proposals.documents(tmp_path)
