"""Command ``protocol``: shows the rules, detects edits, and locks them.

A change of a module that holds rules needs a decision of its author. Either a verdict could come
out otherwise: then a new line of history raises the number. Or none does: then the self-test, with
every control and every mutation score, is run and must give the answers that are locked.
"""

from groundspeed.tools import console
from groundspeed.tools.records.answers import ProtocolState
from groundspeed.tools.records.protocols import CLOCK, COUNTER
from groundspeed.tools.selftest import judged_controls, timed_controls
from groundspeed.validation import discovery
from groundspeed.validation.judge.verdicts import Verdict
from groundspeed.validation.protocol import JUDGE, Protocol
from groundspeed.validation.records import digests
from groundspeed.validation.records.codes import Code, with_code

PROTOCOLS = (JUDGE, CLOCK, COUNTER)
# Mutants that change something only where memory happens to be given out twice.
BY_CHANCE = {"remembered by address", "remembered by identity"}
WAYS_ON = (
    "either it could change a result: add a line to the history in {history} and run: groundspeed "
    "protocol --raised; or it cannot: run: groundspeed protocol --same, which takes minutes and "
    "proves it"
)


def run(raised: bool = False, same: bool = False, as_json: bool = False) -> int:
    """Exit 1 where rules changed and nobody has decided."""
    if raised and same:
        raise ValueError("--raised and --same given; allowed: one of them")
    waiting = [p for p in PROTOCOLS if not p.fits()]
    for protocol in waiting if raised or same else ():
        lock_raised(protocol) if raised else lock_same(protocol)
    values, rows = {}, []
    for p in PROTOCOLS:
        undecided, last = refusal(p), p.history[-1].line
        state = "UNDECIDED" if undecided else "locked"
        code = Code.UNDECIDED if undecided else ""
        values[p.name] = ProtocolState(
            number=p.number, state=state, last=last, undecided=undecided, code=code
        )
        rows.append((p.name, f"protocol {p.number}", state, with_code(undecided or last, code)))
    console.answer(as_json, values, rows)
    return int(any(about.undecided for about in values.values()))


def refusal(protocol: Protocol) -> str:
    """What changed without a decision, and the two ways on; "" where nothing did."""
    if protocol.fits():
        return ""
    locked, changed = protocol.locked()["protocol"], protocol.changed()
    what = f"rules changed in {', '.join(changed)}" if changed else f"locked is {locked}"
    return f"{what}: {WAYS_ON.format(history=history_of(protocol))}"


def history_of(protocol: Protocol) -> str:
    """Where its lines of history stand."""
    return "validation/protocol.py" if protocol is JUDGE else "tools/records/protocols.py"


def lock_raised(protocol: Protocol) -> None:
    """Lock the rules under a number that is higher than the locked one.

    Raises:
        ValueError: it is not.
    """
    before = protocol.locked()["protocol"]
    if protocol.number <= before:
        raise ValueError(
            f"the {protocol.name} protocol is {protocol.number} and {before} is locked; allowed: a "
            f"higher one; add a line to the history in {history_of(protocol)}"
        )
    before = protocol.locked().get("answers", {})
    protocol.write_lock(answers=before)  # what is judged now is judged under these rules, and filed
    protocol.write_lock(answers=before | answers(protocol, file=True))


def lock_same(protocol: Protocol) -> None:
    """Lock the rules under the same number, once everything gives the locked answers.

    Raises:
        ValueError: an answer is another.
    """
    before, now = protocol.locked().get("answers", {}), answers(protocol)
    differ = [key for key in before if key in now and before[key] != now[key]]
    differ += [key for key in before if "/" in key and key not in now]  # a control that is gone
    if differ:
        became = [f"{key}: {before.get(key)!r} became {now.get(key)!r}" for key in differ]
        raise ValueError(
            f"{len(differ)} answers are not the locked ones ({'; '.join(became)}); this needs "
            f"a number of its own: add a line to {history_of(protocol)}, then --raised"
        )
    protocol.write_lock(answers=before | now)


def answers(protocol: Protocol, file: bool = False) -> dict[str, str]:
    """What an instrument says of everything whose answer is known, as far as this machine can ask:
    controls by part and name, optimizations by name; verdicts are filed if that is asked for."""
    from groundspeed.validation import corpus  # late: torch

    with console.progress(f"asking the {protocol.name}") as tell:
        if protocol is COUNTER:
            return budgets(tell)
        parts = [p for p in corpus.PARTS if (p == "must_reject_timed") == (protocol is CLOCK)]
        run = timed_controls.timed if protocol is CLOCK else judged_controls.judged
        found = {}
        for part in parts:
            for name, entry in corpus.entries(part).items():
                tell(f"{part}: {name}")
                found[f"{part}/{name}"] = "rejected" if run(part, entry) else "accepted"
        return found | (verdicts(tell, file) if protocol is JUDGE else {})


def verdicts(tell: console.Tell, file: bool) -> dict[str, str]:
    """Status and mutation score of every optimization that this machine can judge."""
    from groundspeed.validation.judge.judge import judge  # late: torch

    found = judge(discovery.names(), tell=lambda name, case: tell(f"{name} on {case}"), file=file)
    return {v.optimization: score(v) for v in found if v.status != "UNAVAILABLE"}


def score(verdict: Verdict) -> str:
    """Status, how many mutants were killed, and by name every one that was not."""
    mutation = verdict.mutation
    if mutation is None:
        return verdict.status.value
    kinds = ("killed", "survived", "within_budget", "no_mutant")
    values = {kind: sorted({*getattr(mutation, kind)} - BY_CHANCE) for kind in kinds}
    killed = values.pop("killed")
    left = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in values.items() if names)
    return f"{verdict.status}, {len(killed)} killed" + (f"; {left}" if left else "")


def budgets(tell: console.Tell) -> dict[str, str]:
    """The counts of every optimization that this machine can run, against its accepted budget."""
    from groundspeed.tools.costs import count  # late: torch

    found = {}
    for name in discovery.names():
        tell(name)
        outcome = count.fresh(name, accept=False)
        if "passed over" not in outcome:
            found[name] = digests.of_plain(outcome)[:16]
    return found
