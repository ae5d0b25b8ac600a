"""The static site of this repository in a real browser, at the width of a desk and of a phone."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from groundspeed.tools.asv_support.site import has_results
from groundspeed.tools.records import evidence
from groundspeed.tools.records.evidence import View
from groundspeed.tools.records.quantities import times
from groundspeed.tools.reporting.league import League, leagues
from groundspeed.tools.site.speedup_rows import Row, of_league
from groundspeed.validation.judge.verdicts import Status

pytest.importorskip("mkdocs")
sync_api = pytest.importorskip("playwright.sync_api")

pytestmark = pytest.mark.xdist_group("test_site")  # one build serves all of them
ROOT = Path(__file__).resolve().parents[3]
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
WIDTHS = {"desk": (1280, 900), "phone": (390, 844)}
BUILD = """
import sys
from pathlib import Path
from groundspeed.tools.site import command
command.build(Path(sys.argv[1]), target=Path(sys.argv[2]), history=Path(sys.argv[3]))
"""
at_a_desk = pytest.mark.parametrize("page", ["desk"], indirect=True)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built site, with asv's pages where their history is here."""
    folder = tmp_path_factory.mktemp("site")
    asv = [sys.executable, "-m", "asv", "publish", "--no-pull", "-o", str(folder / "asv")]
    if has_results():
        subprocess.run(asv, cwd=ROOT, check=True, capture_output=True)
    words = [sys.executable, "-c", BUILD, str(ROOT), str(folder / "site"), str(folder / "asv")]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    return folder / "site"


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None and "CI" not in os.environ:
        pytest.skip("no chromium here: apt-get install --no-install-recommends chromium")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(params=WIDTHS)
def page(request, browser, site) -> Iterator[sync_api.Page]:
    """The home page, opened from disk. Whatever a test does, nothing fails and nothing is asked
    of the internet."""
    width, height = WIDTHS[request.param]
    context = browser.new_context(viewport={"width": width, "height": height})
    opened, wrong = context.new_page(), []
    context.on("request", lambda r: wrong.append(r.url) if r.url.startswith("http") else None)
    context.on("weberror", lambda e: wrong.append(str(e.error)))
    opened.goto((site / "index.html").as_uri())
    yield opened
    context.close()
    assert wrong == []


@pytest.fixture(scope="module")
def found() -> list[League]:
    return leagues(View(evidence.home()))


@pytest.fixture(scope="module")
def league(found) -> League:
    """The one with most numbers, with which the chart begins."""
    return max(found, key=lambda one: len(one.timed))


@pytest.fixture(scope="module")
def shown(league) -> list[Row]:
    """What the chart begins with: its headline case, on every kind of machine."""
    return [row for row in of_league(league, View(evidence.home())) if row["headline"]]


@dataclass
class Links(HTMLParser):
    """What a page points to, what it loads, and the places in it that have a name."""

    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)

    def __post_init__(self):
        super().__init__()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.places |= {given[key] for key in ("id", "name") if given.get(key)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag == "link" and given.get("rel") != "canonical" and given.get("href"):
            self.loaded.append(given["href"])
        elif given.get("src"):
            self.loaded.append(given["src"])


@pytest.fixture(scope="module")
def crawled(site) -> dict[str, Links]:
    """Every page, by address."""
    pages = {}
    for path in sorted(site.rglob("*.html")):
        pages[path.relative_to(site).as_posix()] = links = Links()
        links.feed(path.read_text(encoding="utf-8"))
    return pages


def test_every_internal_link_leads_somewhere(site, crawled):
    places = {address: links.places for address, links in crawled.items()}
    if (site / "history.html").exists():  # its places are asv's graphs
        graphs = json.loads((site / "history" / "index.json").read_text())["benchmarks"]
        places["history.html"] |= set(graphs)
    broken = []
    for here, links in crawled.items():
        for link in (*links.links, *links.loaded):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = urljoin(here, unquote(parts.path)) if parts.path else here
            if not (site / target).is_file():
                broken.append(f"{here}: {link}")
            elif parts.fragment and unquote(parts.fragment) not in places.get(target, ()):
                broken.append(f"{here}: {link}, no such place")
    assert len(crawled) > 100
    assert [link for link in broken if not re.search(r": #/", link)] == []  # pages of asv's script


def test_no_page_loads_anything_from_elsewhere(crawled):
    assert [s for links in crawled.values() for s in links.loaded if urlsplit(s).netloc] == []


def test_tables_are_tables(site):
    """A table behind a line of text without an empty line between stays text."""
    raw = [p for p in site.rglob("*.html") if "|---|" in p.read_text(encoding="utf-8")]
    assert raw == []


def test_each_optimization_and_baseline_has_a_page(site, found):
    for one in found:
        assert (site / "baselines" / one.engine / "report.html").exists()
        for entry in one.entries:
            text = (site / "optimizations" / entry.name / "report.html").read_text()
            assert ('class="verdict"' in text, "implementation.py" in text) == (True, True)


def test_only_current_numbers_are_on_the_site(site, found):
    rows = json.loads((site / "data/speedups.js").read_text().partition("= ")[2].rstrip(";\n"))
    view = View(evidence.home())
    for row in rows:
        timings = {e.machine: e.timing for e in view.every(row["optimization"]) if e.timing}
        timing = timings[row["machine"]].cases[row["case"]]
        assert row["speedup"] == pytest.approx(timing.speedup, rel=1e-3)
    assert {r["optimization"] for r in rows} >= {e.name for one in found for e in one.timed}


def test_a_speedup_is_two_clicks_away(page, league):
    entry = league.timed[0]
    page.locator(".league").get_by_role("link", name=entry.name, exact=True).click()
    assert page.locator(".verdict .number").inner_text() == f"{times(entry.timing.speedup)}×"
    page.locator(".verdict").get_by_role("link", name=league.engine).click()
    assert page.locator("h1").inner_text().startswith(league.engine)


def test_a_table_is_sorted_by_its_numbers(page, league):
    table = page.locator(".league table").nth(0)
    heading = table.get_by_role("button", name="speedup")

    def shown() -> list[float]:
        cells = table.locator("tbody td:nth-child(2) strong").all_inner_texts()
        return [float(text.rstrip("×")) for text in cells]

    heading.click()
    assert shown() == sorted(shown())
    heading.click()
    assert shown() == sorted(shown(), reverse=True)
    assert table.locator('th[aria-sort="descending"]').count() == 1


@at_a_desk
def test_dates_are_sorted_by_day(page, site):
    page.goto((site / "reports/tolerances.html").as_uri())
    table = page.locator("table:not([class])").first
    table.get_by_role("button", name="judged").click()
    days = [text[:10] for text in table.locator("tbody td:nth-child(7)").all_inner_texts()]
    assert len(set(days)) > 1
    assert days == sorted(days)


@at_a_desk
def test_times_of_several_units_are_sorted_by_what_they_are(page):
    page.evaluate(
        """() => {
            const table = document.querySelector(".league table");
            ["2 ms", "30 µs", "1.5 s", "", "400 ns"].forEach((text, i) =>
                table.tBodies[0].rows[i].cells[4].textContent = text);
        }"""
    )
    table = page.locator(".league table").nth(0)
    table.get_by_role("button", name="time of a step").click()
    cells = table.locator("tbody td:nth-child(5)").all_inner_texts()
    assert [c for c in cells if "±" not in c] == ["400 ns", "30 µs", "2 ms", "1.5 s", ""]


def test_the_chart_shows_filters_and_opens_pages(page, shown):
    chart, filters = page.locator("#chart"), page.locator("#filters")
    chart.locator("svg").wait_for()
    assert chart.get_attribute("data-rows") == str(len(shown))
    points = chart.locator(".mark-symbol.role-mark path")
    assert points.count() == len(shown)
    filters.get_by_label("outcome", exact=True).select_option("faster")
    faster = sum(row["outcome"] == "faster" for row in shown)
    sync_api.expect(points).to_have_count(faster)
    filters.get_by_label("baseline", exact=True).select_option("")
    assert int(chart.get_attribute("data-rows")) > faster
    for name in ("machine", "case", "step of the baseline", "verdict, agreement"):
        options = filters.get_by_label(name).locator("option").all_inner_texts()
        assert options[0] == "all"
        assert len(options) > 1
    point = points.first
    point.scroll_into_view_if_needed()
    point.hover()
    told = page.locator("#vg-tooltip-element").inner_text()
    assert "speedup, 95 %" in told
    named = re.search(r"optimization:?\s+(\w+)", told)[1]
    point.click()
    page.wait_for_url(f"**/optimizations/{named}/report.html")


@at_a_desk
def test_lines_of_the_chart_say_what_sets_them_apart(page, league, shown):
    page.locator("#chart svg").wait_for()
    axis = page.locator("#chart .role-axis-label text").all_text_contents()
    labels = [label for label in axis if label and "×" not in label]
    assert len(set(labels)) == len(labels) == len(shown)
    physics = {entry.name for entry in league.timed if entry.other_physics}
    other = [label for label in labels if "other physics" in label]
    assert len(other) == sum(row["optimization"] in physics for row in shown)
    machines = [row["machine"] for row in shown]
    usual = evidence.home()
    assert not [label for label in labels if usual in label]  # said above, for all of them
    elsewhere = [label for label in labels if any(m in label for m in {*machines})]
    assert len(elsewhere) == len(machines) - machines.count(usual)


@at_a_desk
def test_the_chart_has_the_ink_of_the_palette(page):
    def ink() -> str:
        return page.locator("#chart .role-axis-label text").first.get_attribute("fill")

    page.locator("#chart svg").wait_for()
    light = ink()
    page.locator("label[for^='__palette']:visible").click()
    page.wait_for_function("document.body.dataset.mdColorScheme === 'slate'")
    label = page.locator("#chart .role-axis-label text").first
    sync_api.expect(label).not_to_have_attribute("fill", light)


def test_pages_are_no_wider_than_the_window(page, site, league):
    name = league.timed[0].name
    for address in (
        "index.html",
        f"optimizations/{name}/report.html",
        f"baselines/{league.engine}/report.html",
        "reports/claims.html",
        "reports/targets.html",
        "reports/machines.html",
        "README.html",
    ):
        page.goto((site / address).as_uri())
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, address


def test_the_search_works_from_disk(page, league):
    name = league.timed[0].name
    if page.viewport_size["width"] < 600:
        page.locator("label.md-header__button[for='__search']").click()
    page.get_by_role("textbox", name="Search").press_sequentially(name)
    page.locator(f".md-search-result a[href*='{name}/report.html']").first.wait_for()


def test_asv_s_graph_is_a_click_away_from_an_optimization(page, site, league):
    if not (site / "history.html").exists():
        pytest.skip("asv has no results here")
    graphs = json.loads((site / "history" / "index.json").read_text())["benchmarks"]
    name = next(e.name for e in league.timed if any(g.startswith(f"{e.name}.") for g in graphs))
    page.goto((site / f"optimizations/{name}/report.html").as_uri())
    page.get_by_role("link", name="Its speedup over the commits").click()
    frame = page.frame_locator("#asv")
    sync_api.expect(frame.locator("#title")).to_have_text(f"{name}: speedup over the baseline")
    frame.locator("#main-graph canvas.flot-base").wait_for()
    assert frame.locator("#main-graph .legendLabel").count() > 0


@at_a_desk
def test_asv_shows_what_is_verified_and_says_who_measured(page, site):
    if not (site / "history.html").exists():
        pytest.skip("asv has no results here")
    index = json.loads((site / "history" / "index.json").read_text())
    view = View(evidence.home())
    names = {graph.partition(".")[0] for graph in index["benchmarks"]}
    for name in names:
        assert Status.VERIFIED in {e.status for e in view.every(name)}
    page.goto((site / "history.html").as_uri())
    frame = page.frame_locator("#asv")
    frame.locator(".benchmark-plot canvas").first.wait_for()
    assert set(frame.locator(".benchmark-group h1").all_inner_texts()) == names
    told = frame.locator("#machines").inner_text()
    assert all(machine in told for machine in index["params"]["machine"])
