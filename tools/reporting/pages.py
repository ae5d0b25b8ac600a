"""Command ``report``: writes every page from the evidence on file.

Committed pages are written as seen from one kind of machine, that with the most evidence, so that
they are the same wherever they are written. What `groundspeed run` renders for this machine goes
to an ignored folder.
"""

import math
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from groundspeed import baselines
from groundspeed.tools import console
from groundspeed.tools.costs import cost_summary
from groundspeed.tools.records import evidence
from groundspeed.tools.records.evidence import View
from groundspeed.tools.rendering.templates import PAGES, with_block, write
from groundspeed.tools.reporting import guides, machines, promises, proposals, targets, tolerances
from groundspeed.tools.reporting.league import AGREEMENT, leagues
from groundspeed.tools.selftest import selftest_record
from groundspeed.validation import discovery
from groundspeed.validation.golden import manifest
from groundspeed.validation.records import digests
from groundspeed.validation.records.errors import Sealed

ABOUT = {  # pages that the index leads to, and what they say
    "machines.md": "Every claim on every kind of machine, and what these machines allow",
    "targets.md": "Targets and alternatives",
    "claims.md": "Which promises held",
    "map.md": "Speedup over size, type and threads, with the losses",
    "scaling.md": "Scaling over ranks",
    "tolerances.md": "Tolerances and where they come from",
    "selftest.md": "The judge's self-test",
    "experiment.md": "How often the clock is wrong",
    "scale.md": "What many claims and machines would take",
}
LOCAL = digests.ROOT / ".groundspeed" / "pages"


def run(as_json: bool = False) -> int:
    """The verb ``report``: the committed pages."""
    written = pages(View(evidence.home()), digests.ROOT)
    evidence.say_what_is_broken()
    row = ("reports", "WRITTEN", "", f"{len(written)} pages, reports/index.md")
    console.answer(as_json, [str(p.relative_to(digests.ROOT)) for p in written], [row])
    return 0


def local() -> None:
    """All pages as seen from this machine, in an ignored folder."""
    for name in discovery.names():
        theirs, ours = (root / "optimizations" / name for root in (digests.ROOT, LOCAL))
        ours.mkdir(parents=True, exist_ok=True)
        if (theirs / "report.md").exists():
            shutil.copyfile(theirs / "report.md", ours / "report.md")
    profiles = LOCAL / "reports" / "profiles"
    profiles.parent.mkdir(exist_ok=True)
    if not profiles.is_symlink() and not profiles.exists():
        profiles.symlink_to(digests.ROOT / "reports" / "profiles")
    pages(View(), LOCAL)


def pages(view: View, root: Path) -> list[Path]:
    """Every page below ``root``."""
    from groundspeed.tools.experiments import (  # late: scipy, matplotlib
        error_rates,
        heatmap,
        scale_plan,
        scaling,
    )

    folder = root / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "claims.md": claims(view),
        "machines.md": machines.page(view),
        "targets.md": speeds(view),
        "tolerances.md": tolerances.page(view),
        "selftest.md": selftest_record.page(view),
        "experiment.md": error_rates.page(view),
        "scaling.md": scaling.page(view),
        "map.md": heatmap.page(view, folder),
        "scale.md": scale_plan.page(view),
    }
    for name in [name for name, text in texts.items() if not text]:  # has nothing to say
        (folder / name).unlink(missing_ok=True)
        del texts[name]
    texts["index.md"] = index(view, folder, list(texts))
    own = [write(folder / name, text) for name, text in texts.items()]
    return [*reports(view, root), *own, *guides.pages(view, root)]


def row(name: str, view: View) -> dict:
    """The evidence on an optimization: what is shown first, and that of every kind of machine."""
    found = {"best": view.of(name), "every": view.every(name), "kinds": view.kinds(name)}
    return {"name": name} | found


def reports(view: View, root: Path) -> Iterator[Path]:
    """Refill the generated block of each optimization's report.md."""
    from groundspeed.tools.roofline import plot  # late: matplotlib

    page = PAGES.get_template("optimization.md")
    for name in discovery.names():
        path = root / "optimizations" / name / "report.md"
        text = path.read_text(encoding="utf-8") if path.exists() else f"# {name}\n"
        verdict, timing = view.of(name).verdict, view.of(name).timing
        known = manifest.manifest(verdict.engine).answers if verdict else {}
        timed = timing.cases.items() if timing else ()
        block = page.render(
            **row(name, view),
            costs=cost_summary.on_file(name),
            seen=cost_summary.number,
            floors=plot.shares(name, view),
            left_out=[case for case in known if case not in verdict.cases],
            slow=[case for case, t in timed if t.word == "SLOWER"],
            unsure=[case for case, t in timed if t.word == "INCONCLUSIVE"],
            levels=AGREEMENT,
            inf=math.inf,
        )
        yield write(path, with_block(text, block))


def index(view: View, folder: Path, others: list[str]) -> str:
    """The text of reports/index.md, which leads to the others; its plots are drawn there too."""
    from groundspeed.tools.rendering import svg
    from groundspeed.tools.roofline import plot  # late: matplotlib

    every = leagues(view)
    figures = {
        own.engine: svg.speedups(own.engine, own.headline, own.compared, folder).name
        for own in every
        if own.compared
    }
    roofs = [p for name in baselines.names() if (p := plot.draw(name, folder, view))]
    return PAGES.get_template("index.md").render(
        engines=[engine_row(name, view) for name in baselines.names()],
        machines=[machines.machine_row(on, view) for on in view.machines],
        leagues=every,
        first=view.machines[0] if view.machines else "",
        others={name: ABOUT[name] for name in ABOUT if name in others},
        figures=figures,
        roofs=[p.relative_to(folder) for p in roofs],
    )


def claims(view: View) -> str:
    """The text of reports/claims.md: the ledger beside the evidence."""
    documents = proposals.documents()
    if not documents:
        return ""
    rows = [row for document in documents.values() for row in document.row]
    promised = promises.promises(documents, view)
    return PAGES.get_template("claims.md").render(
        documents=documents,
        rows=rows,
        promises=promised,
        answers=promises.answers(promised),
        best_answers=promises.best_of_each(promises.answers(promised)),
        results=Counter(p.result for p in promised),
        R=promises.Result,
        other_physics=promises.other_physics(documents),
        count=[row.decision for row in rows].count,
        decisions=[d.value for d in proposals.Decision],
        counted=proposals.counted,
        outcome=proposals.outcome,
        best=lambda row: proposals.best(row, view),
    )


def speeds(view: View) -> str:
    """The text of reports/targets.md: what was asked, and what else one might pick."""
    every = targets.targets()
    engines = dict.fromkeys(target.engine for target in every.target)
    if not every.target:
        return ""
    return PAGES.get_template("targets.md").render(
        by_engine={
            e: [row for t in every.target if t.engine == e for row in targets.rows(t, view)]
            for e in engines
        },
        first=view.machines[0] if view.machines else "",
        ahead={e: targets.ahead(e, view) for e in engines},
        alternatives=every.alternatives,
        factor=lambda found: (
            f"{found.value:.1f}× [{found.low:.1f}, {found.high:.1f}]" if found else ""
        ),
    )


def engine_row(name: str, view: View) -> dict:
    """Seal of a baseline, its last check on each kind of machine, and its own error against the
    float64 truth."""
    try:
        sealed = manifest.manifest(name)
    except Sealed as broken:
        return {"name": name, "sealed": None, "words": str(broken), "checks": {}, "worst": None}
    worst = max(
        (value[0] for answer in sealed.answers.values() for value in answer.float64_error.values()),
        default=0.0,
    )
    checks = {on: c for on in view.machines if (c := evidence.checked(name, on=on))}
    return {"name": name, "sealed": sealed, "words": "", "checks": checks, "worst": worst}
