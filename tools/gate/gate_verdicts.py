"""Verdicts on what changed: the current one of this kind of machine, else a new one."""

from collections.abc import Callable, Iterator
from time import perf_counter

from groundspeed.tools.gate.apart import in_words
from groundspeed.tools.gate.outcome import GateCheck, Outcome
from groundspeed.tools.records import evidence
from groundspeed.tools.records.evidence import UNSETTLED, View
from groundspeed.validation import discovery
from groundspeed.validation.judge.verdicts import Conclusion, Status
from groundspeed.validation.records import digests, results
from groundspeed.validation.tiers import Coverage

OPEN = (Status.INCONCLUSIVE, *UNSETTLED)
Judge = Callable[[list[str], Coverage], dict[str, Conclusion]]  # of ``validate``
NextStep = Callable[[Conclusion], str]  # the same


def verdicts(
    names: list[str], judge: Judge, next_step: NextStep
) -> Iterator[tuple[GateCheck, bool]]:
    """The verdict on each, and whether it is VERIFIED on this machine."""
    began = perf_counter()
    failed = {name: words for name in names if (words := unreadable(name))}
    due = [n for n in names if n not in failed and evidence.judged(n)[0] in UNSETTLED]
    fresh, stopped = judged_now(due, judge)
    failed |= stopped
    seconds = (perf_counter() - began) / max(1, len(due))
    for name in names:
        spent = seconds if name in due else 0.0
        if name in failed:
            yield GateCheck(name, "verdict", Outcome.WRONG, failed[name], seconds=spent), False
            continue
        status, verdict, reason = evidence.judged(name)
        if name in fresh:
            verdict = fresh[name]
            status, reason = verdict.status, verdict.reason
        outcome, words = of_verdict(name, status, verdict, reason)
        if outcome is Outcome.WRONG:
            words = f"{words}; {next_step(verdict)}"
        one = GateCheck(name, "verdict", outcome, words, seconds=spent)
        yield one, status is Status.VERIFIED and outcome is Outcome.GOOD


def unreadable(name: str) -> str:
    """Why its files cannot even be read as text; "" where they can."""
    for path in sorted(discovery.folder(name).rglob("*.py")):
        try:
            path.read_text(encoding="utf-8")
        except ValueError as error:
            return f"{path.relative_to(digests.ROOT)} is no text in UTF-8 ({error}); correct it"
    return ""


def judged_now(names: list[str], judge: Judge) -> tuple[dict[str, Conclusion], dict[str, str]]:
    """Fresh verdicts, and what stopped the judge on others. All are judged together; if one breaks
    that, each that is left is judged alone."""
    if len(names) > 1:
        try:
            return judge(names, Coverage.EVERYDAY), {}
        except Exception:  # whatever it is, it comes again when its own is judged alone
            evidence.forget()
    fresh, failed = {}, {}
    for name in names:
        if evidence.judged(name)[0] not in UNSETTLED:
            continue  # judged and filed before another one broke
        try:
            fresh |= judge([name], Coverage.EVERYDAY)
        except Exception as error:
            failed[name] = in_words(error)
    return fresh, failed


def of_verdict(
    name: str, status: Status, verdict: Conclusion | None, reason: str
) -> tuple[Outcome, str]:
    """What a status comes to. What this machine cannot run counts as another one found it."""
    if status is Status.UNAVAILABLE:
        elsewhere = next((e for e in View().every(name) if e.decided), None)
        if elsewhere is None:
            return Outcome.SKIPPED, f"UNAVAILABLE: {reason}"
        found = of_verdict(name, elsewhere.status, elsewhere.verdict, elsewhere.reason)
        return found[0], f"on {elsewhere.machine}: {found[1]}"
    if status in OPEN or verdict is None:
        return Outcome.INCONCLUSIVE, f"{status}: {reason}"
    if verdict.holds:
        return Outcome.GOOD, f"{status}: {reason}"
    return Outcome.WRONG, f"{status}, claimed {verdict.expected.upper()}: {reason}"


def current(name: str) -> bool:
    """Whether any kind of machine has a current verdict."""
    machines = () if unreadable(name) else ("", *results.machines())
    return any(evidence.judged(name, on=on)[0] not in UNSETTLED for on in machines)
