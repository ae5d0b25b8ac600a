"""reports/foreign.md says what reports/foreign.json says, and only a good row counts as one."""

import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SPEC = importlib.util.spec_from_file_location("foreign", HERE / "foreign.py")
foreign = sys.modules["foreign"] = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(foreign)


def test_the_page_is_what_the_record_says():
    assert foreign.PAGE.read_text() == foreign.page(foreign.rows())


def test_every_program_is_on_record_and_as_it_should_be():
    known = foreign.rows()
    assert set(known) == {path.stem for path in (HERE / "programs").glob("*.py")}
    assert [name for name, row in known.items() if not foreign.passed(row)] == []


@pytest.mark.parametrize(
    ("changed", "good"),
    [
        ({}, True),
        ({"verdict": "REFUSED"}, False),
        ({"hot": "no hot line in grid.py curl_E; found no line"}, False),
        ({"hot": "not available: it did not run"}, False),
    ],
)
def test_a_row_is_good_only_if_it_is_verified_and_its_hot_line_was_found(changed, good):
    row = {"verdict": "VERIFIED", "hot": "grid.py:74 `curl` 12%"} | changed
    assert foreign.passed(row) == good


def test_a_program_without_a_record_is_named_on_the_page():
    assert foreign.page({}).count("NOT TRIED") == len(foreign.CODES)


def test_an_unknown_program_is_refused_before_anything_is_installed(capsys, monkeypatch):
    monkeypatch.setattr(foreign, "install", lambda: pytest.fail("it installs"))
    assert foreign.main(["heet"]) == 2
    assert "no program 'heet'; have cavity" in capsys.readouterr().err
