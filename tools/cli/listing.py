"""Command ``list``: engines and optimizations, with evidence of all kinds of machine."""

import baselines
from tools import console
from tools.records import evidence
from tools.records.evidence import UNSETTLED, Evidence, View, here, judged, measured
from validation import discovery, machine
from validation.golden.manifest import check_sources, manifest
from validation.records.errors import Sealed


def run(as_json: bool = False) -> int:
    """The verb ``list``."""
    view = View()
    rows = [engine_row(n) for n in baselines.names()] + [row(n, view) for n in discovery.names()]
    console.answer(as_json, rows, ((r["name"], r["status"], r["level"], r["words"]) for r in rows))
    if not as_json:
        print(f"\n{missing()}")
        evidence.say_what_is_broken()
    return 0


def engine_row(name: str) -> dict[str, str]:
    """Whether a baseline is frozen, and whether its files are still those."""
    try:
        seal = manifest(name)
        check_sources(name, seal)
        status, words = "FROZEN", f"{len(seal.answers)} cases, sealed {seal.made[:10]}"
    except Sealed as broken:
        status, words = "BROKEN", str(broken)
    return {"name": name, "status": status, "level": "engine", "words": words}


def row(name: str, view: View) -> dict[str, object]:
    """Verdict and speedups: this machine's where it has some, and otherwise the others'."""
    status, verdict, reason = judged(name)
    every = view.every(name)
    own = Evidence(name, here(name), status, verdict, reason, measured(name))
    best = max((own, *every), key=lambda e: (e.decided, e.could_run))
    if best is own and not own.timing:
        best = next((e for e in every if e.timing), own)
    timings = best.timing.cases.items() if best.timing else ()
    words = "  ".join(f"{case} {t.speedup:.2f}x" for case, t in timings) or best.reason
    if best is not own:
        made = (best.timing or best.verdict).made[:10]
        lacks = "not timed here" if own.decided else f"here: {status}"
        words = f"[{best.machine}, {made}] {words}; {lacks}"
    return {
        "name": name,
        "status": best.word,
        "level": best.verdict.level if best.verdict else "",
        "words": words,
        "here": status.value,
        "machines": {e.machine: e.word for e in every if e.verdict},
    }


def missing() -> str:
    """What this kind of machine has not judged or timed, and how to."""
    names = discovery.names()
    judged_here = [n for n in names if judged(n)[0] not in UNSETTLED]
    timed_here = [n for n in names if measured(n)]
    words = (
        f"this machine is {machine.kind()}: {len(judged_here)} of {len(names)} optimizations "
        f"judged here, {len(timed_here)} timed"
    )
    left = len(names) - len(judged_here)
    return words + (f"; the other {left}: groundspeed run --here" if left else "")
