"""Command ``profile``: measures, and writes the record, its pages and its plots."""

import signal
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from groundspeed.tools import console
from groundspeed.tools.profiling import diff, output
from groundspeed.tools.profiling.profile_record import Profile
from groundspeed.tools.profiling.program import profile_target
from groundspeed.tools.profiling.program.launch import InstrumentRuns


def run(
    what: str,
    case: str = "",
    against: str = "",
    patience_s: float = 120.0,
    threads: int = 1,
    seconds: float = 4.0,
    as_json: bool = False,
    arguments: tuple[str, ...] = (),
    project_folder: Path | None = None,
) -> int:
    """Profile ``what``; with ``against``, both and where the time went between them."""
    for module in ("line_profiler", "numba"):
        if find_spec(module) is None:
            raise ModuleNotFoundError(f"no module named {module}", name=module)
    if patience_s <= 0 or seconds <= 0 or threads < 1:
        raise LookupError("--patience-s, --seconds and --threads must be positive numbers")
    target = profile_target.parse(what, case, tuple(arguments), project_folder)
    passes = InstrumentRuns(target, patience_s, threads)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    if against:
        second = profile_target.parse(against, case, project_folder=project_folder)
        other = InstrumentRuns(second, patience_s, threads)
        if (name := passes.target.name) == other.target.name:
            raise LookupError(f"{name} against itself says nothing; name another after --against")
        sides = [passes, other]
        found = diff.measured(sides, [output.profiled(side, seconds) for side in sides], seconds)
        text = diff.rows(found)
    else:
        found = output.profiled(passes, seconds)
        text = rows(found)
    console.answer(as_json, found, text)
    return 0


def rows(found: Profile) -> Iterator[tuple[str, ...]]:
    """What matters, a line each."""
    cpu, peak = (found.metrics[name].text for name in ("cpu_utilisation", "memory_peak"))
    case = f" {found.case}" if found.case else ""
    whole = f"a step, CPU {cpu}, peak {peak}"
    yield f"{found.name}{case}", "PROFILED", f"{found.step_s:.3g} s", whole
    for line in found.hot:
        yield f"  {line.where}", f"{line.share:.0%}", line.bound, line.source
    if not found.lines:
        reason = found.unavailable.get("stacks", found.unavailable.get("hot lines", ""))
        yield "  hot lines", "not available", "", reason
    for finding in found.findings:
        if finding.kind not in ("hot line", "hot loop"):
            bound = f"up to {finding.amdahl:.2f}x" if finding.amdahl else ""
            yield f"  {finding.kind}", bound, "", f"{finding.title}. {finding.text}"
    for note in found.notes:
        yield "  note", "", "", note
    yield "  report", "WRITTEN", "", f"reports/profiles/{found.name}/report.md"
