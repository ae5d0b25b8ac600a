"""Answers the asv suite from a process that may import torch.

    python -m groundspeed.tools.asv_support.worker cases
        {optimization: [timed cases]}
    python -m groundspeed.tools.asv_support.worker judge NAME
        {"status": …, "holds": …, "reason": …, "cases": […]}
    python -m groundspeed.tools.asv_support.worker measure NAME
        {"cases": …}, or {"absent": why}

All are about the tree that it is started in. The answer is the last line of the output.
"""

import json
import sys

from groundspeed.validation import discovery
from groundspeed.validation.judge import verdicts
from groundspeed.validation.judge.verdicts import Conclusion, Status
from groundspeed.validation.records.errors import NotMeasured

NUMBERS = {"ratio", "low", "high", "ratios", "candidate_s"}


def cases() -> dict[str, list[str] | None]:
    """Cases that an everyday run judges and times; None where an optimization does not load."""
    return {name: timed(name) for name in discovery.names()}


def timed(name: str) -> list[str] | None:
    try:
        covered = discovery.claim(name).covered()
    except Exception:  # whatever a broken folder raises; `measure` will say it
        return None
    return [n for n, case in covered.items() if case.timed]


def verdict_on(name: str) -> Conclusion:
    """The standing verdict on these very bytes, or a new one."""
    from groundspeed.validation.judge.judge import judge  # late: heavy

    status, verdict, _ = verdicts.current_status(name)
    if verdict is None or status is Status.STALE:
        verdict = next(judge([name]))
    return verdict


def judged(name: str) -> dict:
    """Where the optimization stands, and the cases that the clock may take."""
    from groundspeed.tools.records import evidence

    found = verdict_on(name)
    right = found.status is Status.VERIFIED
    return {
        "status": found.status.value,
        "holds": found.holds,
        "reason": found.reason,
        "code": verdicts.refusal_code(found.status, found),
        "cases": evidence.timed_cases(found, full=False) if right else [],
    }


def measure(name: str) -> dict:
    """Judge the optimization unless these very bytes have been judged; time it if VERIFIED.

    Raises:
        NotMeasured: it is not what it claims to be, or cannot be timed.
    """
    from groundspeed.tools.records import evidence
    from groundspeed.tools.timing import session

    verdict = verdict_on(name)
    status, reason = verdict.status, verdict.reason
    if status is not Status.VERIFIED and verdict.holds:
        return {"absent": f"{status}, as expected: {reason}"}
    if status is not Status.VERIFIED:
        raise NotMeasured(f"{name} is {status}: {reason}", verdicts.refusal_code(status, verdict))
    if not evidence.timed_cases(verdict, full=False):
        return {"absent": "it covers no timed case"}
    found, refused = session.measure_together([name])
    if refused:
        raise session.NotMeasured(refused[name])
    timings = found[name].cases.items()
    return {
        "level": verdict.level,
        "cases": {case: timing.model_dump(include=NUMBERS) for case, timing in timings},
    }


if __name__ == "__main__":
    question, *names = sys.argv[1:]
    print(json.dumps({"cases": cases, "judge": judged, "measure": measure}[question](*names)))
