"""Samples every stack of the region, by py-spy."""

import re
from pathlib import Path

from groundspeed.tools.profiling.program.launch import (
    InstrumentRuns,
    NoInstrument,
    ProgramFailed,
    tool,
)
from groundspeed.tools.profiling.program.source_scope import REGION, Own
from groundspeed.tools.profiling.program.stacks import Stack

RATE = 250  # a second; what that costs stands in each profile
FRAME = re.compile(r"^(.*) \((.*):(\d+)\)$")


def sampled(passes: InstrumentRuns, runs: int, idle: bool, **spec) -> tuple[list[Stack], dict]:
    """Stacks of the region from py-spy, over some runs; and the region as the clocks saw it.

    ``idle`` counts waiting too, so that shares are of the wall clock.

    Raises:
        NoInstrument: py-spy is missing, or the system does not let it look.
    """
    words = f"record -r {RATE} -f raw --full-filenames -d 36000".split()  # -d: until it ends
    words += ["--idle"] if idle else []
    stacks, regions, own = [], [], Own(passes.target.root, passes.target.kind)
    for _ in range(runs):
        raw = passes.scratch / f"{passes.count}_stacks.txt"
        try:
            found = passes.run("bare", (tool("py-spy"), *words, "-o", str(raw), "--"), **spec)
        except ProgramFailed as error:
            raise NoInstrument(f"py-spy: {error}") from None
        if not raw.exists():
            raise NoInstrument("py-spy wrote no samples")
        stacks += region_of(raw.read_text("utf-8", "replace"), own)
        regions += found["blocks"]
    return stacks, {key: sum(r[key] for r in regions) for key in ("wall_s", "cpu_s")}


def region_of(text: str, own: Own) -> list[Stack]:
    """The samples under the region, cut above it, and those of the program's other threads."""
    house = str(Path(__file__).parents[1])
    found = []
    for line in text.splitlines():
        folded, _, count = line.rpartition(" ")
        matches = [FRAME.match(part) for part in folded.split(";")]
        frames = [(m[1], m[2], int(m[3])) for m in matches if m]
        start = next((i for i, f in enumerate(frames) if f[0] == REGION), None)
        before = any(file.startswith(house) for _, file, _ in frames)
        if start is None and (before or not any(own.is_own(f[1]) for f in frames)):
            continue  # preparation, or a thread of a library
        inside = frames if start is None else frames[start + 1 :]
        kept = [f for f in inside if not f[1].startswith(house)]
        if count.isdigit():
            found.append(Stack(kept, int(count)))
    return found
