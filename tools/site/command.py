"""Command ``site``: one static site of the project, in reports/site.

It is made from the records on file and the documents, without the internet, and is opened from
disk or served. asv's history comes along where `groundspeed publish` has built it.
"""

import shutil
from pathlib import Path

from asv.util import load_json

from groundspeed import baselines
from groundspeed.tools import console
from groundspeed.tools.records import evidence
from groundspeed.tools.records.evidence import View
from groundspeed.tools.reporting import pages
from groundspeed.validation.records import digests

TARGET = Path("reports") / "site"
WORK = Path(".groundspeed") / "site"
HISTORY = Path("reports") / "asv" / "html"


def run(as_json: bool = False) -> int:
    """The verb ``site``."""
    with console.progress("building the site"):
        count = build(digests.ROOT)
    place = (TARGET / "index.html").as_posix()
    row = ("site", "BUILT", "", f"{count} pages, {place}")
    console.answer(as_json, {"site": place, "pages": count}, [row])
    return 0


def build(root: Path, target: Path = TARGET, history: Path = HISTORY) -> int:
    """Build the site of a project, whole or not at all; the number of its pages."""
    from groundspeed.tools.site import generator, history_copy, project_pages  # late: an extra

    history, target, work = root / history, root / target, root / WORK
    there, staged = (history / "index.html").exists(), work / "pages"
    view = View(evidence.home())
    project_pages.stage(root, staged)
    pages.pages(view, staged)
    content = project_pages.content(
        root,
        staged,
        view,
        engines=[pages.engine_row(name, view) for name in baselines.names()],
        graphs=history_copy.graphs(history) if there else set(),
    )
    fresh = work / "new"
    shutil.rmtree(fresh, ignore_errors=True)
    generator.generate(
        content,
        project_name(root),
        fresh,
        kept=work,
        reserved=history_copy.addresses(history) if there else set(),
    )
    if there:
        history_copy.copy(history, fresh)
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh.replace(target)
    return sum(1 for _ in target.rglob("*.html"))


def project_name(root: Path) -> str:
    """As asv has it, else the name of its folder."""
    path = root / "asv.conf.json"
    found = load_json(path, js_comments=True).get("project", "") if path.exists() else ""
    return found or root.name
