"""The verb ``profile``: measure, write the record, its pages and its pictures."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import baselines
from tools import console
from tools.profiling import flames, record, target
from tools.profiling.own import Own
from tools.profiling.record import Profile
from tools.profiling.start import Passes
from validation import digests

PASSES = 11  # about as many as there are instruments, for the bar


def run(
    what: str,
    case: str = "",
    against: str = "",
    patience_s: float = 120.0,
    threads: int = 1,
    seconds: float = 4.0,
    as_json: bool = False,
    arguments: tuple[str, ...] = (),
) -> int:
    """Profile ``what``; with ``against``, both and where the time went between them."""
    if patience_s <= 0 or seconds <= 0 or threads < 1:
        raise LookupError("--patience-s, --seconds and --threads must be positive numbers")
    chosen = target.parse(what, case, arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    if against:
        from tools.profiling import against as comparison

        other = target.parse(against, case)
        return comparison.run(chosen, other, patience_s, threads, seconds, as_json)
    found = profiled(chosen, patience_s, threads, seconds)
    if as_json:
        console.as_json(found.model_dump(mode="json"))
    else:
        show(found)
    return 0


def profiled(chosen: target.Target, patience_s: float, threads: int, seconds: float) -> Profile:
    """The record, written; nothing is written unless all of it is."""
    from tools.profiling import measure

    with tempfile.TemporaryDirectory(prefix="groundspeed-profile-") as place:
        scratch = Path(place)
        passes = Passes(chosen, scratch, patience_s, threads)
        with console.progress(f"profiling {chosen.name}", total=PASSES) as tell:
            found, raw = measure.measure(passes, measure.Plan(seconds=seconds), tell)
            tell("pages")
            write(found, raw, passes)
    return found


def write(found: Profile, raw: dict, passes: Passes) -> None:
    """Everything into a folder beside its place, then renamed into it."""
    from tools.profiling import figures, measure

    final = record.folder(found.name)
    partial = final.with_name(f".{found.name}.{os.getpid()}.tmp")
    partial.mkdir(parents=True)
    try:
        found.artefacts = measure.artefacts(raw, passes, partial)
        flame = bool(raw.get("stacks"))
        if flame:
            own = Own(passes.target.root, passes.target.kind)
            drawn = flames.draw(raw["stacks"], own, found.name)
            (partial / "flamegraph.svg").write_text(drawn, encoding="utf-8")
        roof = figures.roofline(found, partial / "roofline.svg")
        found.write(partial / "raw" / "profile.json")
        (partial / "report.md").write_text(page(found, flame, roof), encoding="utf-8")
        swap(partial, final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    if found.what in baselines.names():
        summarise(found)


def swap(partial: Path, final: Path) -> None:
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    partial.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def page(found: Profile, flame: bool, roof: bool) -> str:
    from tools.templates import PAGES

    PAGES.filters["cell"] = cell
    return PAGES.get_template("profile.md").render(p=found, flame=flame, roof=roof)


def cell(text: str) -> str:
    """Source text inside a cell of a table."""
    return text.replace("|", "\\|").replace("`", "'")


def summarise(found: Profile) -> None:
    """The block of the baseline's own report.md, which is no part of its seal."""
    from tools.templates import PAGES, with_block, write

    path = digests.ROOT / "baselines" / found.what / "report.md"
    text = path.read_text(encoding="utf-8") if path.exists() else f"# {found.what}\n"
    block = PAGES.get_template("profile_summary.md").render(p=found)
    write(path, with_block(text, block, "<!-- profile -->", "<!-- /profile -->"))


def show(found: Profile) -> None:
    """What matters, a line each."""
    cpu = found.metrics["cpu_utilisation"].told
    peak = found.metrics["memory_peak"].told
    case = f" {found.case}" if found.case else ""
    console.line(f"{found.name}{case}", "PROFILED", f"{found.step_s:.3g} s",
                 f"a step, CPU {cpu}, peak {peak}")  # fmt: skip
    for line in found.hot:
        console.line(f"  {line.file}:{line.line}", f"{line.share:.0%}", line.bound, line.source)
    if not found.lines:
        reason = found.unavailable.get("stacks", found.unavailable.get("hot lines", ""))
        console.line("  hot lines", "not available", "", reason)
    for finding in found.findings:
        if finding.kind not in ("hot line", "hot loop"):
            bound = f"up to {finding.amdahl:.2f}x" if finding.amdahl else ""
            console.line(f"  {finding.kind}", bound, "", finding.text)
    where = record.folder(found.name).relative_to(digests.ROOT)
    console.line("  report", "WRITTEN", "", f"{where}/report.md")
