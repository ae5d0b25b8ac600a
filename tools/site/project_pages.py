"""Everything that the site shows of a project but asv's own pages."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from groundspeed.tools.records.evidence import View
from groundspeed.tools.reporting.league import League, leagues
from groundspeed.tools.site import league_pages
from groundspeed.tools.site.documents import FOLDER, documents
from groundspeed.tools.site.site_content import Content, Nav
from groundspeed.tools.site.speedup_rows import rows
from groundspeed.validation import discovery

WIDE = ("claims.md", "foreign.md", "targets.md")  # their tables need the room of the contents
WHOLE_WIDTH = "---\nhide: [toc]\n---\n"
REPORTS = {  # those that `groundspeed report` writes, by their name on the site; in this order
    "targets.md": "Targets",
    "machines.md": "Machines",
    "claims.md": "Proposals",
    "map.md": "Sizes and threads",
    "scaling.md": "Over ranks",
    "foreign.md": "Public codes",
    "tolerances.md": "Tolerances",
    "experiment.md": "Errors of the clock",
    "selftest.md": "Self-test of the judge",
    "scale.md": "Beyond one machine",
}


def content(root: Path, staged: Path, view: View, engines: list[dict], graphs: set[str]) -> Content:
    """All pages. ``staged`` holds the reports as the evidence has them, ``engines`` what they tell
    of each, ``graphs`` the benchmarks of asv's history."""
    found = leagues(view)
    numbers = rows(found, view)
    made = Content(moved=dict(moved(found)), charts=bool(numbers))
    made.texts["index.md"] = league_pages.home(found, view)
    made.texts["data/speedups.js"] = f"const SPEEDUPS = {json.dumps(numbers)};\n"
    add_reports(made, root, staged)
    league_pages.add_baselines(made, root, engines, found)
    profiles = list(add_profiles(made, root))
    for league in found:
        league_pages.add_league(made, league, view, staged, graphs)
    if graphs:
        made.texts["history.md"] = league_pages.TEMPLATES.get_template("history.md").render()
    made.nav = navigation(made, found, [row["name"] for row in engines], profiles)
    made.nav += documents(root, staged, made.texts, made.files)
    return made


def moved(found: list[League]) -> Iterator[tuple[str, str]]:
    """Links to the index of results, or to a baseline in it, lead to the home page."""
    for place in ["", *(f"#{league.engine}" for league in found)]:
        yield f"reports/index.md{place}", f"index.html{place}"


def stage(root: Path, staged: Path) -> None:
    """What `groundspeed report` fills in: the hand-written parts of reports and guides."""
    for folder in ("optimizations", FOLDER):
        shutil.rmtree(staged / folder, ignore_errors=True)
    if (root / FOLDER).is_dir():
        shutil.copytree(root / FOLDER, staged / FOLDER)
    for name in discovery.names():
        place = staged / "optimizations" / name
        place.mkdir(parents=True)
        written = root / "optimizations" / name / "report.md"
        if written.exists():
            shutil.copyfile(written, place / "report.md")


def add_reports(made: Content, root: Path, staged: Path) -> None:
    """The reports that exist, and their pictures."""
    for folder in (root / "reports", staged / "reports"):  # what is rendered now wins
        for name in REPORTS:
            if (folder / name).exists():
                text = (folder / name).read_text(encoding="utf-8")
                made.texts[f"reports/{name}"] = WHOLE_WIDTH * (name in WIDE) + text
    for picture in (staged / "reports").glob("*.svg"):
        made.files[f"reports/{picture.name}"] = picture


def add_profiles(made: Content, root: Path) -> Iterator[str]:
    """Profile pages with all that lies beside them; yields addresses."""
    for path in sorted((root / "reports" / "profiles").glob("*/report.md")):
        address = path.relative_to(root).as_posix()
        made.texts[address] = path.read_text(encoding="utf-8")
        for beside in (*path.parent.glob("*.svg"), *path.parent.glob("*.json")):
            made.files[beside.relative_to(root).as_posix()] = beside
        yield address


def navigation(made: Content, found: list[League], engines: list[str], profiles: list[str]) -> Nav:
    """What there is, in the order in which a reader asks."""
    there = [(name, title) for name, title in REPORTS.items() if f"reports/{name}" in made.texts]
    results = [{"Overview": "index.md"}, *({title: f"reports/{name}"} for name, title in there)]
    nav: Nav = [{"Results": results}]
    if by_baseline := list(sections(found, engines)):
        nav.append({"Optimizations": by_baseline})
    if profiles:
        nav.append({"Profiles": [{p.split("/")[2]: p} for p in profiles]})
    if "history.md" in made.texts:
        nav.append({"History": "history.md"})
    return nav


def sections(found: list[League], engines: list[str]) -> Iterator[dict[str, Nav]]:
    """Each baseline with its optimizations, best first, and those that have none."""
    for league in found:
        own = page_of(league.engine) if league.engine else []
        optimizations = [{e.name: f"optimizations/{e.name}/report.md"} for e in league.entries]
        yield {league.engine or "Without a baseline": [*own, *optimizations]}
    alone = set(engines) - {league.engine for league in found}
    yield from ({name: page_of(name)} for name in sorted(alone))


def page_of(engine: str) -> Nav:
    """The baseline itself."""
    return [{f"{engine}: the baseline": f"baselines/{engine}/report.md"}]
