"""reports/foreign.md says what reports/foreign.json says, and only a good row counts as one."""

import importlib.util
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent


def loaded(name: str):
    """A module beside this one, which `foreign.py` imports as it is run there."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


public_codes, foreign_page, foreign = map(loaded, ("public_codes", "foreign_page", "foreign"))
CODES = public_codes.CODES


def test_the_page_is_what_the_record_says():
    assert foreign.PAGE.read_text() == foreign_page.page(foreign.rows())


def test_every_program_is_on_record_and_as_it_should_be():
    known = foreign.rows()
    assert set(known) == {path.stem for path in (HERE / "programs").glob("*.py")}
    assert [name for name, row in known.items() if not foreign_page.fits(row)] == []


def test_there_are_codes_of_many_makes_and_tests_and_real_optimizations_among_them():
    assert len({code.package for code in CODES}) >= 16
    assert sum(code.program.startswith("test_") for code in CODES) >= 4
    real = {code.stem for code in CODES if code.level}
    assert len(real) >= 6
    files = {path.relative_to(HERE / "optimizations") for path in HERE.glob("optimizations/*/*.py")}
    assert files == {Path(stem, f"{which}.py") for stem in real for which in ("right", "wrong")}
    for file in files:
        text = (HERE / "optimizations" / file).read_text()
        assert f"from baselines.{file.parent}_v1 import" in text


REAL = {"code": {"level": "exact"}, "right": "VERIFIED exact", "wrong": "REJECTED exact"}


@pytest.mark.parametrize(
    ("changed", "good"),
    [
        ({}, True),
        (REAL, True),
        (REAL | {"right": "REJECTED exact"}, False),
        (REAL | {"wrong": "VERIFIED exact"}, False),
        (REAL | {"wrong": "INCONCLUSIVE exact"}, False),
        ({"verdict": "REFUSED"}, False),
        ({"hot": "no hot line in grid.py curl_E; found no line"}, False),
        ({"hot": "not available: it did not run"}, False),
    ],
)
def test_a_row_is_good_only_if_it_is_verified_and_its_hot_line_was_found(changed, good):
    row = {"verdict": "VERIFIED", "hot": "grid.py:74 `curl` 12%", "code": {}} | changed
    assert foreign_page.passed(row) == foreign_page.fits(row) == good


def test_what_cannot_be_had_is_skipped_and_is_no_success(tmp_path, monkeypatch):
    monkeypatch.setattr(foreign, "HOME", tmp_path)
    monkeypatch.setattr(foreign, "versions", lambda _: {"LFM": "43193a01e7"})
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{tmp_path}/nowhere/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")
    (code,) = [code for code in CODES if code.program == "lattice"]
    row = asdict(foreign.tried(code))
    assert (row["verdict"], foreign_page.passed(row)) == ("SKIPPED", False)
    assert row["words"].startswith("gpartin/LFM cannot be had: ")
    assert foreign_page.page({"lattice": row}).endswith("; 1 could not be had.\n")


def test_a_file_of_the_project_that_changes_is_seen(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "u.txt").write_text("1")
    before = foreign.fingerprint(tmp_path)
    assert foreign.fingerprint(tmp_path) == before
    (tmp_path / "data" / "u.txt").write_text("2")
    assert foreign.fingerprint(tmp_path) != before


def test_a_program_without_a_record_is_named_on_the_page():
    assert foreign_page.page({}).count("NOT TRIED") == len(CODES)


def test_an_unknown_program_is_refused_before_anything_is_installed(capsys, monkeypatch):
    monkeypatch.setattr(foreign, "install", lambda: pytest.fail("it installs"))
    assert foreign.main(["heet"]) == 2
    assert "no program 'heet'; have cavity" in capsys.readouterr().err
