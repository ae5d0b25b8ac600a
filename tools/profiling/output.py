"""Writes the record, pages and plots of a profile into one folder, all or nothing."""

import json
from pathlib import Path

from groundspeed import baselines
from groundspeed.tools import console
from groundspeed.tools.profiling import advice, flamegraph, profile_record, profile_session
from groundspeed.tools.profiling.instruments.py_spy_pass import RATE
from groundspeed.tools.profiling.profile_record import Profile
from groundspeed.tools.profiling.program import stacks
from groundspeed.tools.profiling.program.launch import InstrumentRuns
from groundspeed.tools.profiling.program.source_scope import Own
from groundspeed.tools.rendering.templates import PAGES, with_block, write
from groundspeed.validation.records import digests
from groundspeed.validation.records.atomic import whole_folder

PASSES = 11  # about as many as there are instruments, for the bar


def profiled(passes: InstrumentRuns, seconds: float) -> Profile:
    """The record, written; nothing is written unless all of it is."""
    with console.progress(f"profiling {passes.target.name}", total=PASSES) as tell:
        found, raw = profile_session.measure(passes, seconds, tell)
        tell("pages")
        with whole_folder(profile_record.folder(found.name)) as folder:
            fill(folder, found, raw, passes)
    if found.what in baselines.names():
        summarise(found)
    return found


def fill(folder: Path, found: Profile, raw: dict, passes: InstrumentRuns) -> None:
    """Pages and plots; what other programs read lies under raw/: it is large and made at will."""
    from groundspeed.tools.profiling import roofline_figure  # late: matplotlib

    place = folder / "raw"
    place.mkdir()
    own = Own(passes.target.root, passes.target.kind)
    flame = bool(raw.get("stacks"))
    if flame:
        (place / "stacks.txt").write_text(stacks.folded(raw["stacks"], own))
        found.artefacts["stacks, folded (flamegraph.pl)"] = "raw/stacks.txt"
        scope = stacks.speedscope(raw["stacks"], own, found.name, 1 / RATE)
        (folder / "speedscope.json").write_text(json.dumps(scope, separators=(",", ":")) + "\n")
        drawn = flamegraph.draw(raw["stacks"], own, found.name)
        (folder / "flamegraph.svg").write_text(drawn, encoding="utf-8")
    if "timeline" in raw:
        (passes.scratch / "trace.json.gz").rename(place / "trace.json.gz")
        found.artefacts["trace (Chrome, Perfetto)"] = "raw/trace.json.gz"
    if "heap" in raw and flamegraph.memory(passes.scratch / "heap.bin", place / "memory.html"):
        found.artefacts["memory flamegraph"] = "raw/memory.html"
    roof = roofline_figure.roofline(found, folder / "roofline.svg")
    found.write(place / "profile.json")
    shown = {"flame": flame, "roof": roof, "again": advice.worth_keeping(found)}
    shown["worth"] = advice.WORTH_KEEPING
    page = PAGES.get_template("profile.md").render(p=found, **shown)
    (folder / "report.md").write_text(page, encoding="utf-8")


def summarise(found: Profile) -> None:
    """The block of the baseline's own report.md, which is no part of its seal."""
    path = digests.ROOT / "baselines" / found.what / "report.md"
    text = path.read_text(encoding="utf-8") if path.exists() else f"# {found.what}\n"
    block = PAGES.get_template("profile_summary.md").render(p=found)
    write(path, with_block(text, block, "<!-- profile -->", "<!-- /profile -->"))
