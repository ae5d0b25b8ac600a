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


NUMBER = r"[\d.]+ (?:s|ms|µs|ns)"
SPREAD = r"[\d.]+ ± " + NUMBER
SIZE = r"[\d.]+ (?:GiB|MiB|KiB|B)"
FIELDS = re.compile(  # outcome, speedup, interval, both times, n, memory, first call
    rf"(?:FASTER|SLOWER|INCONCLUSIVE) \| [\d.]+× \| [\d.]+ to (?:[\d.]+|∞) "
    rf"\| {SPREAD} \| {SPREAD} \| \d+ \| {SIZE} → {SIZE} \((?:[−+]\d+ %|same|new|none)\) "
    rf"\| {NUMBER} \|"
)
NONE = ("Verified, not timed. Run: ", "Not timed: a speed counts only", "Not shown: a speed needs")


def lacking(text: str, cases: set[str]) -> list[str]:
    """What the page of an optimization does not tell of the cases that were timed."""
    if not cases:
        return [] if any(why in text for why in NONE) else ["why there is no number"]
    rows = {c: [line for line in text.splitlines() if line.startswith(f"| {c} | ")] for c in cases}
    missing = [c for c, lines in rows.items() if not any(map(FIELDS.search, lines))]
    headings = ("- Processor: ", "- Settings: ", "- Versions: ", "## Trade-offs", "## Strategy")
    return missing + [words for words in headings if words not in text]


def test_a_page_has_times_memory_hardware_and_trade_offs_or_says_why_not(written):
    view = View(evidence.home())
    every = {path.parent.name: path.read_text() for path in written.glob("optimizations/*/*.md")}
    timed = {name: found.timing for name in every if (found := view.of(name)).timing}
    cases = {name: set(timed[name].cases) if name in timed else set() for name in every}
    assert {n: lost for n in every if (lost := lacking(every[n], cases[n]))} == {}
    assert len(every) > 100
    assert sum(map(len, cases.values())) > 200


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
