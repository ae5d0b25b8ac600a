"""Pages made from the leagues: home, baselines and optimizations."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import jinja2

from groundspeed.tools.records.evidence import View
from groundspeed.tools.rendering.templates import PAGES
from groundspeed.tools.reporting import proposals
from groundspeed.tools.reporting.league import AGREEMENT, Entry, League
from groundspeed.tools.site.site_content import Content
from groundspeed.validation import discovery

MEANINGS = {
    "VERIFIED": "they compute the same",
    "REJECTED": "they compute something else",
    "STALE": "judged, and something has changed since",
    "UNJUDGED": "no verdict yet",
    "UNAVAILABLE": "they need what the machine lacks",
}
TEMPLATES = PAGES.overlay(loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"))


def home(found: list[League], view: View) -> str:
    """Results at a glance: the best of each baseline, the chart, and the leagues."""
    entries = [entry for league in found for entry in league.entries]
    return TEMPLATES.get_template("home.md").render(
        leagues=found,
        best={league.engine: best(league) for league in found},
        largest=max(found, key=lambda league: len(league.timed), default=None),
        statuses=counted(entry.evidence.status.value for entry in entries),
        meanings=MEANINGS,
        agreement=AGREEMENT,
        outcomes=counted(entry.timing.word.lower() for entry in entries if entry.timing),
        first=view.machines[0] if view.machines else "",
    )


def counted(words: Iterable[str]) -> dict[str, int]:
    """How often there is each word, in the order in which they are met."""
    found: dict[str, int] = {}
    for word in words:
        found[word] = found.get(word, 0) + 1
    return found


def best(league: League) -> Entry | None:
    """Its fastest that computes the same; other physics is no speedup."""
    same = [entry for entry in league.timed if not entry.other_physics]
    faster = [entry for entry in same if entry.timing.word == "FASTER"]
    return faster[0] if faster else None


def add_baselines(made: Content, root: Path, rows: list[dict], found: list[League]) -> None:
    """A page each: seal, checks, its optimizations, and its own report with its profile."""
    page = TEMPLATES.get_template("baseline.md")
    by_engine = {league.engine: league for league in found}
    for row in rows:
        name = row["name"]
        path = root / "baselines" / name / "report.md"
        text = path.read_text(encoding="utf-8") if path.exists() else f"# {name}\n"
        roof = f"reports/roofline_{name}.svg"
        block = page.render(
            e=row,
            league=by_engine.get(name),
            roof=f"../../{roof}" if roof in made.files else "",
        )
        made.texts[f"baselines/{name}/report.md"] = below_title(text, block)


def add_league(made: Content, league: League, view: View, staged: Path, graphs: set[str]) -> None:
    """A page for each optimization: its report, its numbers as a chart, its source."""
    top, end = (TEMPLATES.get_template(f"optimization_{part}.md") for part in ("top", "end"))
    for entry in league.entries:
        address = f"optimizations/{entry.name}/report.md"
        text = (staged / address).read_text(encoding="utf-8")
        timed = any(found.timing for found in view.every(entry.name))
        known = {"e": entry, "league": league, "timed": timed}
        profiles = [p for p in made.texts if p.startswith(f"reports/profiles/{entry.name}")]
        more = end.render(
            **known,
            history=f"{entry.name}.benchmark.Speed.track_speedup" in graphs,
            profiles=profiles,
            sources=sources(entry.name),
            proposals=decided().get(entry.name, []),
        )
        made.texts[address] = f"{below_title(text, top.render(**known))}\n\n{more}"


def below_title(text: str, block: str) -> str:
    """The page with a block behind its first heading."""
    title, _, rest = text.partition("\n")
    return f"{title}\n\n{block.strip()}\n\n{rest.lstrip()}"


def sources(name: str) -> dict[str, str]:
    """What was written for it: Python text, by file."""
    folder = discovery.folder(name)
    paths = sorted(p for p in folder.glob("*.py") if p.name not in ("__init__.py", "benchmark.py"))
    return {p.name: p.read_text(encoding="utf-8").rstrip() for p in paths}


@cache
def decided() -> dict[str, list[tuple[str, proposals.Proposal]]]:
    """Of each optimization the proposals that it decides, with the title of their document."""
    found: dict[str, list[tuple[str, proposals.Proposal]]] = {}
    for document in proposals.documents().values():
        for row in document.row:
            for name in row.optimizations:
                found.setdefault(name, []).append((document.title, row))
    return found
