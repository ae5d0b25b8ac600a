"""Command ``bench``: times optimizations that have a current VERIFIED verdict."""

import math
from collections.abc import Iterator
from functools import cache
from itertools import chain

from groundspeed.tools import console
from groundspeed.tools.records import evidence
from groundspeed.tools.records.answers import Benched, RefusedNumber
from groundspeed.tools.records.evidence import UNSETTLED
from groundspeed.tools.records.measurement import CLAIMED, Measurement, Timing
from groundspeed.tools.reporting import targets
from groundspeed.validation import discovery
from groundspeed.validation.judge import verdicts
from groundspeed.validation.judge.verdicts import Status
from groundspeed.validation.records.codes import Code, Coded, with_code
from groundspeed.validation.tiers import Coverage

GROUP = 16  # candidates at most that share the rounds of a baseline
PUBLISHED = {  # of a `Plan`: every process is held against the isolated baseline
    "least": CLAIMED, "most": 24, "budget_s": 0.1, "precise": 0.02, "audited": CLAIMED,
}  # fmt: skip
STARTS_BYTES = 1 << 31  # of theirs at most; each keeps several states of that size at once


def run(
    names: list[str],
    full: bool = False,
    dirty: bool = False,
    again: bool = True,
    as_json: bool = False,
    processes: int | None = None,
    publish: bool = False,
) -> int:
    """The verb ``bench``.

    With ``again``, whoever has no verdict is refused, exit 1. Without, current measurements stand
    as they are, and the refused optimizations are passed over with a word. ``publish`` takes
    enough processes to claim a number.
    """
    asked = wanted(publish, processes)
    found, due, refused = {}, {}, {}
    for name in discovery.chosen(names):
        if not again and (known := evidence.measured(name, full)):
            found[name] = known
            continue
        status, verdict, reason = evidence.judged(name, Coverage.of(full))
        if status is Status.VERIFIED and evidence.timed_cases(verdict, full):
            due[name] = verdict.engine
        elif status is Status.VERIFIED:
            words = "its claim covers no case that is marked as timed"
            refused[name] = (status, Coded(words, Code.UNTIMED))
        else:
            refused[name] = (status, Coded(reason, verdicts.refusal_code(status, verdict)))
    unsettled = any(status in UNSETTLED for status, _ in refused.values())
    failed = unsettled or bool(again and refused)
    for group in groups(due, full):
        made, why = measure(group, full, dirty, asked)
        found |= made
        refused |= {name: (Status.VERIFIED, reason) for name, reason in why.items()}
        failed |= bool(why)
    reasons = {
        name: RefusedNumber(status=s.value, reason=words, code=getattr(words, "code", ""))
        for name, (s, words) in refused.items()
    }
    value = Benched(measured=list(found.values()), refused=reasons)
    rows = {name: lines(measured) for name, measured in found.items()}
    rows |= {
        name: [(name, "no number", r.status, with_code(r.reason, r.code))]
        for name, r in reasons.items()
    }
    console.answer(as_json, value, chain(*(rows[n] for n in sorted(rows))), widths=(34, 13, 20))
    return int(failed)


def groups(due: dict[str, str], full: bool = False) -> list[list[str]]:
    """Optimizations that share rounds: of one baseline, on one device, and as many as memory has
    room for. Those that targets compare with one another come first, so that they are together."""
    alike: dict[tuple[str, str], list[str]] = {}
    rivals = targets.rivals()
    for name in sorted(due, key=lambda name: (name not in rivals, name)):
        alike.setdefault((due[name], discovery.device(name)), []).append(name)
    found = []
    for (engine, _), names in sorted(alike.items()):
        room = max(1, min(GROUP, STARTS_BYTES // largest_start(engine, full)))
        count = -(-len(names) // room)
        found += [
            names[k * len(names) // count : (k + 1) * len(names) // count] for k in range(count)
        ]
    return found


@cache
def largest_start(engine: str, full: bool) -> int:
    """Bytes of the largest state in which a timed case of a baseline starts."""
    from groundspeed import baselines  # late: torch

    base = baselines.load(engine)
    timed = [c for c in base.cases.values() if c.timed and (c.quick or full)]
    starts = (base.initial(case) for case in timed)
    return max([1, *(sum(t.numel() * t.element_size() for t in s) for s in starts)])


def wanted(publish: bool, processes: int | None) -> dict[str, float]:
    """Arguments of `tools.timing.session.Plan`; none means an everyday number."""
    if processes:
        return {"least": processes, "most": processes}
    return PUBLISHED if publish else {}


def measure(
    names: list[str], full: bool, dirty: bool, processes: dict[str, float]
) -> tuple[dict[str, Measurement], dict[str, str]]:
    """Time optimizations of one baseline together, and write a record of each."""
    from groundspeed.tools.timing import session  # late: torch

    plan = session.Plan(**processes)
    title = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} others"
    with console.progress(f"timing {title}", total=plan.least) as tell:
        found, refused = session.measure_together(
            names, full=full, dirty=dirty, plan=plan, tell=tell
        )
    for name, one in found.items():
        one.file(evidence.here(name))
    evidence.forget()
    return found, refused


def lines(found: Measurement) -> Iterator[tuple[str, ...]]:
    """Of each case the ratio that counts, both widths of its interval and the control beside it;
    below them times, pairs and memory, and why the outcome is no stronger."""
    for case, t in found.cases.items():
        limit = "" if t.share_of_limit is None else f"  {t.share_of_limit:4.0%} of the limit"
        mark = "  (dirty)" if found.conditions.dirty else ""
        other = "  other physics" if found.level == "approximate" else ""
        thrown = f"  {len(t.discarded)} discarded" if t.discarded else ""
        seen = ""
        if t.injected:
            seen = f", {1 / t.injected_truth:.2f}x seen as {1 / t.injected:.2f}x"
        low = 1 / t.low if t.low else math.inf
        yield (
            found.optimization,
            t.word,
            case,
            f"{t.speedup:6.2f}x  [{1 / t.high:.2f}, {low:.2f}]  ±{t.within_width / 2:.0%} within, "
            f"{between(t)}  control {1 / t.control:.2f}x{seen}"
            f"{limit}{other}  {t.kind}{mark}{thrown}",
        )
        yield "", "", "", t.story
        if t.why:
            yield "", "", "", t.why


def between(t: Timing) -> str:
    """How far processes differ, and the smallest effect that would have been named for all that."""
    if math.isinf(t.between_width):
        return "one process says nothing of others"
    return f"±{t.between_width / 2:.0%} between, could see {t.smallest_seen:.0%}"
