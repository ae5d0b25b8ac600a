"""Answers the plug-in of pytest from a process that may import torch.

    python -m groundspeed.tools.pytest_plugin.evidence_server

Reads a request a line, {"question": "verdict" or "speedup", "name": …, …}, about the project that
it is started in. What cannot be answered is {"failed": words}; a speedup that is not there is
{"no number": why}.
"""

import json
import os
import sys
from difflib import get_close_matches

from groundspeed.tools.cli import bench, validate
from groundspeed.tools.records import evidence
from groundspeed.tools.records.conditions import code_now
from groundspeed.tools.records.evidence import UNSETTLED, View
from groundspeed.tools.reporting.league import Entry, leagues
from groundspeed.validation import discovery
from groundspeed.validation.golden import manifest
from groundspeed.validation.judge.verdicts import Conclusion, Status
from groundspeed.validation.records.errors import Refused
from groundspeed.validation.tiers import Coverage

measured: dict[str, str] = {}  # in this process: why there is no number, by name


def verdict(name: str, judge: bool) -> dict[str, object]:
    """Where an optimization stands. With ``judge`` it is judged where no kind of machine has a
    current verdict; without, ``absent`` says that there is none."""
    status, found, reason, on = standing(name)
    if judge and status in UNSETTLED:
        found = validate.judge([name], Coverage.EVERYDAY)[name]
        status, reason, on = found.status, found.reason, evidence.here(name)
    settled = status not in UNSETTLED and found is not None
    return {
        "absent": not settled or status is Status.UNAVAILABLE,
        "status": status.value,
        "holds": settled and found.holds,
        "expected": found.expected if found else "verified",
        "reason": reason,
        "machine": on,
        "date": found.made[:10] if found else "",
        "next": validate.next_step(found) if settled else f"groundspeed validate {name}",
    }


def standing(name: str) -> tuple[Status, Conclusion | None, str, str]:
    """Status, verdict, reason and kind of machine: this one if it is decided here, else another
    one that has decided it."""
    here = evidence.here(name)
    status, found, reason = evidence.judged(name)
    if status in (*UNSETTLED, Status.UNAVAILABLE):
        others = (e for e in View().every(name) if e.decided and e.machine != here)
        if other := next(others, None):
            return other.status, other.verdict, other.reason, other.machine
    return status, found, reason, here


def speedup(name: str, case: str, measure: bool) -> dict[str, object]:
    """The timing that the pages show; on the headline case where none is named."""
    if measure and name not in measured:
        measured[name] = measure_now(name)
    now = verdict(name, judge=False)
    if not now["absent"] and not now["holds"]:
        return {"failed": f"{name} is {now['status']}: {now['reason']}"}
    if measured.get(name):
        return {"no number": f"{name}: {measured[name]}"}
    entry = next(e for league in leagues(View()) for e in league.entries if e.name == name)
    if why := no_number(entry, case):
        return {"no number": f"{name}: {why}"}
    case, found = case or entry.case, entry.evidence.timing
    timing = found.cases[case]
    return {
        "low": timing.headline,
        "high": 1 / timing.low if timing.low else float("inf"),
        "ratio": timing.speedup,
        "outcome": f"{timing.word}: {timing.note}" if timing.note else timing.word,
        "case": case,
        "machine": entry.evidence.machine,
        "date": found.made[:10],
    }


def no_number(entry: Entry, case: str) -> str:
    """Why an optimization has no speedup on a case; "" where it has.

    Raises:
        LookupError: its baseline has no such case.
    """
    found = entry.evidence
    again = f"run: groundspeed bench {entry.name}"
    if found.verdict and case:
        known = list(manifest.manifest(found.verdict.engine).answers)
        if case not in known:
            raise LookupError(f"{found.verdict.engine} has no case {case!r}; have {known}")
    if found.status is not Status.VERIFIED:
        return f"{found.status}: {found.reason}"
    if entry.other_physics:
        return "other physics is no speedup of the baseline"
    if not found.timing:
        return f"verified, and no timing is current; {again}"
    if case and case not in found.timing.cases:
        return f"{case} is not timed; {again}"
    return ""


def measure_now(name: str) -> str:
    """Judge it where that is due, and time it. Why there is no number; "" where there is."""
    if evidence.judged(name)[0] in UNSETTLED:
        validate.judge([name], Coverage.EVERYDAY)
    status, found, reason = evidence.judged(name)
    if status is not Status.VERIFIED:
        return f"{status}: {reason}"
    if not evidence.timed_cases(found, full=False):
        return "its claim covers no case that is timed"
    _, refused = bench.measure([name], False, bool(code_now().changed), {})
    return refused.get(name, "")


def answer(request: dict) -> dict[str, object]:
    """The answer to a request, whatever happens on the way."""
    evidence.forget()
    name, known = request["name"], discovery.names()
    if name not in known:
        near = get_close_matches(name, known, n=3)
        words = f"near: {', '.join(near)}" if near else f"have: {', '.join(known) or 'none'}"
        return {"failed": f"no optimization {name!r} in optimizations/; {words}"}
    try:
        return {"verdict": verdict, "speedup": speedup}[request.pop("question")](**request)
    except Exception as error:  # of code under test: it fails one test and no other
        kind = "" if isinstance(error, Refused | LookupError) else f"{type(error).__name__}: "
        return {"failed": kind + " ".join(str(error).split())}


def main() -> None:
    """Answer until there are no more requests; what code under test prints goes aside."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=out, flush=True)


if __name__ == "__main__":
    main()
