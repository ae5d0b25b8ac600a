"""Writes the record, pages and plots of a profile into one folder, all or nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import baselines
from tools import console
from tools.profiling import flamegraph, profile_record
from tools.profiling.profile_record import Profile
from tools.profiling.program import profile_target
from tools.profiling.program.launch import InstrumentRuns
from tools.profiling.program.source_scope import Own
from validation.records import digests

PASSES = 11  # about as many as there are instruments, for the bar


def profiled(
    chosen: profile_target.ProfileTarget, patience_s: float, threads: int, seconds: float
) -> Profile:
    """The record, written; nothing is written unless all of it is."""
    from tools.profiling import profile_session

    with tempfile.TemporaryDirectory(prefix="groundspeed-profile-") as place:
        scratch = Path(place)
        passes = InstrumentRuns(chosen, scratch, patience_s, threads)
        with console.progress(f"profiling {chosen.name}", total=PASSES) as tell:
            found, raw = profile_session.measure(
                passes, profile_session.ProfilePlan(seconds=seconds), tell
            )
            tell("pages")
            write(found, raw, passes)
    return found


def write(found: Profile, raw: dict, passes: InstrumentRuns) -> None:
    """Everything into a folder beside its place, then renamed into it."""
    from tools.profiling import profile_session, roofline_figure

    final = profile_record.folder(found.name)
    partial = final.with_name(f".{found.name}.{os.getpid()}.tmp")
    partial.mkdir(parents=True)
    try:
        found.artefacts = profile_session.artefacts(raw, passes, partial)
        flame = bool(raw.get("stacks"))
        if flame:
            own = Own(passes.target.root, passes.target.kind)
            drawn = flamegraph.draw(raw["stacks"], own, found.name)
            (partial / "flamegraph.svg").write_text(drawn, encoding="utf-8")
        roof = roofline_figure.roofline(found, partial / "roofline.svg")
        found.write(partial / "raw" / "profile.json")
        (partial / "report.md").write_text(page(found, flame, roof), encoding="utf-8")
        swap(partial, final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    if found.what in baselines.names():
        summarise(found)


def page(found: Profile, flame: bool, roof: bool) -> str:
    from tools.rendering.templates import PAGES

    PAGES.filters["cell"] = cell
    return PAGES.get_template("profile.md").render(p=found, flame=flame, roof=roof)


def summarise(found: Profile) -> None:
    """The block of the baseline's own report.md, which is no part of its seal."""
    from tools.rendering.templates import PAGES, with_block, write

    path = digests.ROOT / "baselines" / found.what / "report.md"
    text = path.read_text(encoding="utf-8") if path.exists() else f"# {found.what}\n"
    block = PAGES.get_template("profile_summary.md").render(p=found)
    write(path, with_block(text, block, "<!-- profile -->", "<!-- /profile -->"))


def swap(partial: Path, final: Path) -> None:
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if final.exists():
        final.rename(old)
    partial.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def cell(text: str) -> str:
    """Source text inside a cell of a table."""
    return text.replace("|", "\\|").replace("`", "'")
