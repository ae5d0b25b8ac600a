"""Guides show evidence on file, and say so where there is none of a kind."""

from pathlib import Path

import jinja2
import pytest

from groundspeed.tools.records import evidence
from groundspeed.tools.records.evidence import View
from groundspeed.tools.rendering.templates import PAGES
from groundspeed.tools.reporting import guides
from groundspeed.tools.reporting.league import leagues
from groundspeed.validation.judge.verdicts import Status

GUIDE = "how-to-read-a-verdict.md"


@pytest.fixture(scope="module")
def view() -> View:
    return View(evidence.home())


@pytest.fixture(scope="module")
def entries(view) -> list:
    return [entry for league in leagues(view) for entry in league.entries]


def test_a_project_without_the_page_gets_none(tmp_path, view):
    (tmp_path / "docs").mkdir()
    assert list(guides.pages(view, tmp_path)) == []
    assert list(tmp_path.rglob("*.md")) == []


def test_only_the_pages_that_are_there_are_written(tmp_path, view):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / GUIDE).touch()
    assert list(guides.pages(view, tmp_path)) == [tmp_path / "docs" / GUIDE]
    assert "# How to read a verdict" in (tmp_path / "docs" / GUIDE).read_text()


def test_what_is_shown_is_what_is_on_file(entries):
    shown = {entry.name: guides.found(entry) for entry in entries}
    for entry in entries:
        if entry.timing:
            assert shown[entry.name].startswith(entry.timing.wall)
            assert ("other physics" in shown[entry.name]) == entry.other_physics
        else:
            assert "×" not in shown[entry.name]


def test_examples_are_of_the_kind_that_was_asked_for(entries):
    first = guides.Examples(reversed(entries))
    rejected = first.verdict("REJECTED", "rounding", "got ")
    assert rejected.evidence.status is Status.REJECTED
    assert rejected.evidence.verdict.level == "rounding"
    assert rejected is guides.Examples(entries).verdict("REJECTED", "rounding", "got ")
    entry, case, timing = first.timing("INCONCLUSIVE", "holds 1")
    assert entry.evidence.timing.cases[case] is timing
    assert timing.word == "INCONCLUSIVE"
    assert first.verdict("REJECTED", saying="no reason says this") is None
    assert guides.Examples([]).timing("FASTER") is None


@pytest.mark.parametrize("name", ["how-to-read-a-verdict.md", "how-to-read-an-interval.md"])
def test_a_guide_without_evidence_says_so(name):
    text = PAGES.get_template(f"guides/{name}").render(first=guides.Examples([]))
    assert "No evidence on file is an example of this now." in text


def test_a_guide_that_names_no_optimization_is_refused(tmp_path, view, monkeypatch):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / GUIDE).touch()
    loader = jinja2.DictLoader({f"guides/{GUIDE}": "{{ found(of('nosuch')) }}"})
    monkeypatch.setattr(guides, "PAGES", jinja2.Environment(loader=loader))
    with pytest.raises(LookupError, match="nosuch"):
        list(guides.pages(view, Path(tmp_path)))
