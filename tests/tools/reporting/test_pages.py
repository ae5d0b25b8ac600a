"""Committed pages are exactly what `report` writes from the committed evidence, anywhere."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from groundspeed.tools.records import evidence
from groundspeed.tools.records.evidence import View
from groundspeed.tools.reporting import pages as reporting_pages
from groundspeed.validation import machine
from groundspeed.validation.records import digests, results

ROOT = digests.ROOT
pytestmark = pytest.mark.xdist_group("test_pages")  # its pages take seconds to write: one worker


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """Pages as a machine writes them that nobody has seen, beside pictures that are there."""
    folder = tmp_path_factory.mktemp("pages")
    for page in (ROOT / "optimizations").glob("*/report.md"):
        place = folder / page.relative_to(ROOT)
        place.parent.mkdir(parents=True)
        shutil.copy(page, place)
    for name in ("reports", "docs"):
        (folder / name).mkdir()
    for page in (ROOT / "docs").glob("*.md"):
        shutil.copy(page, folder / "docs")
    for picture in (ROOT / "reports").glob("*.svg"):
        shutil.copy(picture, folder / "reports")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GROUNDSPEED_MACHINE", "never-seen")
        patch.setattr(machine, "torch_version", lambda: "99.9")
        evidence.forget()
        reporting_pages.pages(View(evidence.home()), folder)
    evidence.forget()
    return folder


def test_the_pages_are_those_of_the_evidence(written):
    pages = sorted(p.relative_to(written) for p in written.rglob("*") if p.is_file())
    assert len(pages) > 100
    differ = [str(p) for p in pages if (written / p).read_bytes() != (ROOT / p).read_bytes()]
    assert not differ, f"{differ[0]} and {len(differ) - 1} more; run: groundspeed report"


def test_every_picture_that_is_shown_is_there_and_no_other(written):
    shown = {
        picture
        for page in (ROOT / "reports").glob("*.md")
        for picture in re.findall(r"!\[[^]]*\]\(([^)/]+\.svg)\)", page.read_text())
    }
    assert shown == {p.name for p in (ROOT / "reports").glob("*.svg")}


def test_every_link_of_a_page_leads_somewhere():
    for page in [*(ROOT / "reports").glob("*.md"), *(ROOT / "optimizations").glob("*/report.md")]:
        for link in re.findall(r"\]\(((?!https?:)[^)#]+)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page}: {link}"


def test_the_repository_stays_small():
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "reports"], capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("no git here")
    data = [(ROOT / p).read_bytes() for p in listed.stdout.split("\0") if p and (ROOT / p).exists()]
    assert sum(map(len, data)) < 6_000_000
    assert sum(part.count(b"\n") for part in data) < 25_000


def test_every_file_of_evidence_is_whole():
    for on, name in results.files():
        results.read(name, on)
