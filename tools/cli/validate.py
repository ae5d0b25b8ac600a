"""Command ``validate``: judges optimizations against their frozen baseline."""

from collections.abc import Iterator

from groundspeed.tools import console
from groundspeed.tools.records.answers import JudgedOptimization
from groundspeed.tools.records.evidence import UNSETTLED, forget, judged
from groundspeed.validation import discovery
from groundspeed.validation.judge.verdicts import (
    Conclusion,
    Status,
    Summary,
    Verdict,
    refusal_code,
    too_loose,
)
from groundspeed.validation.records.codes import with_code
from groundspeed.validation.tiers import Coverage
from groundspeed.validation.worker import allocator
from groundspeed.validation.worker.forkserver import get_ready


def run(
    names: list[str],
    coverage: Coverage = Coverage.EVERYDAY,
    again: bool = True,
    as_json: bool = False,
) -> int:
    """The verb ``validate``; without ``again``, current verdicts stand as they are."""
    chosen = discovery.chosen(names)
    known = {} if again else {name: judged(name, coverage) for name in chosen}
    settled = {name: verdict for name, (s, verdict, _) in known.items() if s not in UNSETTLED}
    found = settled | judge([name for name in chosen if name not in settled], coverage)
    ordered = [found[name] for name in chosen]
    rows = (row for verdict in ordered for row in lines(verdict))
    console.answer(as_json, [summary(v) for v in ordered], rows)
    return int(not all(v.holds or undecided(v) for v in ordered))


def judge(names: list[str], coverage: Coverage) -> dict[str, Verdict]:
    """Fresh verdicts on the named ones."""
    if not names:
        return {}
    if len(names) == 1:  # several are judged in processes of their own
        allocator.keep_freed()
        get_ready(names)
    with allocator.importing():
        from groundspeed.validation.judge.judge import judge as judge_all  # late: torch
    with console.progress("judging") as tell:
        found = {
            v.optimization: v for v in judge_all(names, coverage, lambda n, c: tell(f"{n} on {c}"))
        }
    forget()
    return found


def lines(verdict: Conclusion) -> Iterator[tuple[str, ...]]:
    """One line, and what was expected where it came out otherwise."""
    word = verdict.status.value
    if verdict.holds and verdict.expected == "rejected":
        word += " ✓"
    reason = with_code(verdict.reason, refusal_code(verdict.status, verdict))
    yield verdict.optimization, word, verdict.level, reason
    if loose := too_loose(short(verdict)):
        yield "", "", "", loose
    if not verdict.holds:
        yield "", "", "", f"claimed {verdict.expected.upper()}; {next_step(verdict)}"


def undecided(verdict: Conclusion) -> bool:
    """Whether a refusal is claimed that a first look need not show: of small cases alone."""
    first = verdict.coverage is Coverage.SMALL and verdict.status is Status.VERIFIED
    return first and verdict.expected == "rejected"


def next_step(verdict: Conclusion) -> str:
    if undecided(verdict):
        return "its small cases need not show that; without --small it is judged on all of them"
    if verdict.expected == "rejected":
        return "if it is right after all, say expected='verified' in its validation.py"
    return "mend implementation.py; never the tolerance"


def summary(verdict: Conclusion) -> JudgedOptimization:
    shared = {*JudgedOptimization.model_fields} & {*Conclusion.model_fields}
    code = refusal_code(verdict.status, verdict)
    own = verdict.model_dump(include=shared)
    loose = too_loose(short(verdict))
    return JudgedOptimization(**own, holds=verdict.holds, code=code, too_loose=loose)


def short(verdict: Conclusion) -> Summary:
    """The committed form, whether it was given now or is on file."""
    return verdict.summary() if isinstance(verdict, Verdict) else verdict
