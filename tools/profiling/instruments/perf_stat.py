"""Cache hit rates from hardware counters, by perf."""

import shutil
import subprocess

from groundspeed.tools.profiling.program.launch import InstrumentRuns, NoInstrument, ProgramFailed

EVENTS = {
    "last level": ("cache-references", "cache-misses"),
    "first level": ("L1-dcache-loads", "L1-dcache-load-misses"),
}


def rates(passes: InstrumentRuns, **spec) -> dict[str, float]:
    """Hit rate by level, over the whole process.

    Raises:
        NoInstrument: no perf, or a machine without these counters.
    """
    perf = shutil.which("perf")
    if not perf:
        raise NoInstrument("perf is not installed (package linux-perf or linux-tools)")
    names = [name for pair in EVENTS.values() for name in pair]
    words = (perf, "stat", "-x", ",", "-e", ",".join(names))
    probe = subprocess.run([*words, "true"], capture_output=True, text=True, check=False)
    if not counted(probe.stderr):
        printed = [line for line in probe.stderr.splitlines() if line.strip()]
        reason = (
            "this machine exposes no such counters"
            if "not supported" in probe.stderr
            else printed[-1]
        )
        raise NoInstrument(f"perf: {reason} ({names[0]} and the others are not supported)")
    out = passes.scratch / "perf.txt"
    try:
        passes.run("bare", (*words, "-o", str(out), "--"), **spec)
    except ProgramFailed as error:
        raise NoInstrument(f"perf: {error}") from None
    return hit_rates(counted(out.read_text()))


def counted(text: str) -> dict[str, float]:
    """Event counts of `perf stat -x ,`; perf may mark an event as user-only with :u."""
    rows = [line.split(",") for line in text.splitlines()]
    return {r[2].removesuffix(":u"): float(r[0]) for r in rows if len(r) > 2 and r[0].isdigit()}


def hit_rates(counts: dict[str, float]) -> dict[str, float]:
    return {
        level: 1 - counts[missed] / counts[asked]
        for level, (asked, missed) in EVENTS.items()
        if counts.get(asked) and missed in counts
    }
