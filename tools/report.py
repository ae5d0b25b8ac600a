"""Every number into the reports, from the records on file and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jinja2

import baselines
from tools import console, counts, freshness, gpu, ledger, limits, targets, tolerances
from tools.records import Measurement, Timing
from validation import digests, leaves, seal
from validation.verdicts import Status, Verdict

HERE = Path(__file__).parent
START, END = "<!-- generated -->", "<!-- /generated -->"
PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(HERE / "pages"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
PAGES.filters["g"] = lambda x: f"{x:.3g}"
PAGES.filters["cell"] = lambda text: " ".join(text.split()).replace("|", "\\|")
PAGES.filters["size"] = lambda n: next(
    f"{n / 2**p:.3g} {unit}" for p, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB"), (0, "B"))
    if n >= 2**p or not p
)  # fmt: skip


def run(as_json: bool = False) -> int:
    """The verb ``report``."""
    written = [*reports(), index(), claims(), speeds(), on_a_gpu(), tolerances.write()]
    if as_json:
        console.as_json([str(p.relative_to(digests.ROOT)) for p in written])
    else:
        console.line("reports", "WRITTEN", "", f"{len(written)} pages, reports/index.md")
    return 0


def rows() -> list[dict]:
    """What is known about every optimization."""
    found = []
    for name in leaves.names():
        status, verdict, reason = freshness.judged(name)
        measured = freshness.measured(name) if status is Status.VERIFIED else None
        found.append(
            {
                "name": name,
                "status": status,
                "verdict": verdict,
                "reason": reason,
                "measured": measured,
                "tightest": tightest(verdict) if verdict else None,
            }
        )
    return found


def tightest(verdict: Verdict) -> dict | None:
    """The finding that used most of what it was allowed, over all cases and fields."""
    closest = [
        {"case": case, "finding": finding}
        for case, result in verdict.cases.items()
        for finding in result.closest.values()
    ]
    return max(closest, key=lambda row: row["finding"].share, default=None)


def reports() -> Iterator[Path]:
    """Refill the generated block of each optimization's report.md."""
    page = PAGES.get_template("optimization.md")
    for row in rows():
        path = leaves.folder(row["name"]) / "report.md"
        text = path.read_text(encoding="utf-8") if path.exists() else f"# {row['name']}\n"
        block = page.render(
            **row,
            **counted(row["name"]),
            left_out=left_out(row["verdict"]),
            evidence=gpu.on_file(row["name"]),
            slow=slow(row["measured"]),
        )
        yield write(path, with_block(text, block))


def counted(name: str) -> dict:
    """Costs on file that are still about today's code, and how far each case is from its floor."""
    from tools import roofline  # late: matplotlib

    PAGES.globals["seen"] = counts.number
    return {"costs": counts.on_file(name), "floors": roofline.shares(name)}


def left_out(verdict: Verdict | None) -> list[str]:
    """Cases of the baseline that the claim does not cover, or that were not judged."""
    if verdict is None:
        return []
    return [n for n in seal.manifest(verdict.engine).answers if n not in verdict.cases]


def slow(measured: Measurement | None) -> list[str]:
    """Cases on which it is no gain."""
    return [n for n, t in measured.cases.items() if t.word != "FASTER"] if measured else []


def with_block(text: str, block: str, start: str = START, end: str = END) -> str:
    """The page with what stands between the markers replaced; markers added if absent."""
    if start not in text or end not in text:
        text = f"{text.rstrip()}\n\n{start}\n{end}\n"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{block.strip()}\n{end}{after}"


def index() -> Path:
    """reports/index.md and its plot."""
    from tools import plots, roofline  # late: matplotlib

    found = rows()
    folder = digests.ROOT / "reports"
    measured = [row["measured"] for row in found if row["measured"]]
    figures = plots.speedups(measured, folder) if measured else []
    roofs = [p for name in baselines.names() if (p := roofline.draw(name, folder))]
    page = PAGES.get_template("index.md").render(
        engines=[engine_row(name) for name in baselines.names()],
        rows=found,
        conditions=measured[0].conditions if measured else None,
        figures=[p.relative_to(folder) for p in figures],
        roofs=[p.relative_to(folder) for p in roofs],
        ceilings=limits.on_file(),
        mapped=(folder / "map.md").exists(),
    )
    return write(folder / "index.md", page)


def claims() -> Path:
    """reports/claims.md: the ledger beside the records."""
    page = PAGES.get_template("claims.md").render(
        documents=ledger.documents(),
        decisions=[d.value for d in ledger.Decision],
        counted=ledger.counted,
        outcome=ledger.outcome,
        best=ledger.best,
    )
    return write(digests.ROOT / "reports" / "claims.md", page)


def speeds() -> Path:
    """reports/targets.md: what was asked of the fast ones, and what else one might pick."""
    every = targets.targets()
    engines = dict.fromkeys(target.engine for target in every.target)
    page = PAGES.get_template("targets.md").render(
        by_engine={
            e: [row for t in every.target if t.engine == e for row in targets.rows(t)]
            for e in engines
        },
        ahead={e: targets.ahead(e) for e in engines},
        alternatives=every.alternatives,
        speedup=speedup,
    )
    return write(digests.ROOT / "reports" / "targets.md", page)


def on_a_gpu() -> Path:
    """reports/gpu.md: what a machine with a GPU found."""
    found = [evidence for name in gpu.names() if (evidence := gpu.on_file(name))]
    page = PAGES.get_template("gpu.md").render(rows=found)
    return write(digests.ROOT / "reports" / "gpu.md", page)


def speedup(timing: Timing) -> str:
    """By processor time: value [95 % interval]."""
    high = f"{1 / timing.cpu_low:.2f}" if timing.cpu_low > 0 else "∞"
    return f"{1 / timing.cpu_ratio:.2f}× [{1 / timing.cpu_high:.2f}, {high}]"


def engine_row(name: str) -> dict:
    """Seal of a baseline, and its own error against the float64 truth."""
    try:
        sealed = seal.manifest(name)
    except seal.Sealed as broken:
        return {"name": name, "sealed": None, "words": str(broken), "check": None, "worst": None}
    worst = max(
        (value[0] for answer in sealed.answers.values() for value in answer.float64_error.values()),
        default=0.0,
    )
    return {
        "name": name,
        "sealed": sealed,
        "words": "",
        "check": freshness.checked(name),
        "worst": worst,
    }


def write(path: Path, text: str) -> Path:
    """Whole or not at all, and only where it changes anything."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return path
    partial = path.with_name(f".{path.name}.tmp")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
    return path
