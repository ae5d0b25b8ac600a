"""Time optimizations beside their baselines, where a fresh VERIFIED verdict allows it."""

from __future__ import annotations

from tools import console, freshness, records
from tools.freshness import Refused
from tools.records import Measurement
from validation import leaves
from validation.verdicts import Status

EVERYDAY = (3, 0.3)  # fresh processes, and seconds of rounds for each case in each of them
PUBLISHED = (10, 0.6)


def run(
    names: list[str],
    full: bool = False,
    dirty: bool = False,
    again: bool = True,
    as_json: bool = False,
    processes: int | None = None,
) -> int:
    """The verb ``bench``; without ``again``, fresh measurements stand as they are.

    Whoever is asked for by name and has no verdict is refused, exit 1; where all are asked
    for, the refused optimizations are passed over with a word.
    """
    refused, found, thrown = {}, {}, False
    for name in leaves.chosen(names):
        known = None if again else freshness.measured(name, full)
        if known:
            found[name] = known
            continue
        status, verdict, reason = freshness.judged(name, full)
        if status is Status.VERIFIED and not freshness.timed_cases(verdict, full):
            reason = "its claim covers no case that is marked as timed"
        elif status is Status.VERIFIED:
            try:
                found[name] = measure(name, full, dirty, processes)
                continue
            except Refused as why:
                reason, thrown = str(why), True
        refused[name] = (status, reason)
    if as_json:
        told = {n: {"status": s.value, "reason": r} for n, (s, r) in refused.items()}
        console.as_json({"measured": [brief(m) for m in found.values()], "refused": told})
    else:
        for name in sorted([*found, *refused]):
            show(found[name]) if name in found else console.line(
                name, "no number", refused[name][0].value, refused[name][1]
            )
    unsettled = any(s in (Status.STALE, Status.UNJUDGED) for s, _ in refused.values())
    return int(thrown or unsettled or (bool(names) and bool(refused)))


def measure(name: str, full: bool, dirty: bool, processes: int | None) -> Measurement:
    from tools import clock  # late: torch

    count, budget_s = PUBLISHED if full else EVERYDAY
    count = processes or count
    with console.progress(f"timing {name}", total=count) as tell:
        found = clock.measure(
            name, full=full, dirty=dirty, processes=count, budget_s=budget_s, tell=tell
        )
    found.write(records.path(name))
    freshness.forget()
    return found


def show(found: Measurement) -> None:
    """A line a case: the ratio that counts, its interval, the control beside it."""
    for case, t in found.cases.items():
        limit = "" if t.share_of_limit is None else f"  {t.share_of_limit:4.0%} of the limit"
        mark = "  (dirty)" if found.conditions.dirty else ""
        other = "  other physics" if found.level == "approximate" else ""
        console.line(
            found.optimization,
            t.word,
            case,
            f"{t.speedup:6.2f}x  [{1 / t.high:.2f}, {1 / t.low:.2f}]  "
            f"control {1 / t.control:.2f}{limit}{other}{mark}",
            widths=(34, 13, 20),
        )


def brief(found: Measurement) -> dict:
    """Everything but the raw pairs."""
    told = found.model_dump(exclude={"cases"})
    cases = {n: t.model_dump(exclude={"processes"}) for n, t in found.cases.items()}
    return told | {"cases": cases}
