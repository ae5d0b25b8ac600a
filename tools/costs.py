"""The verb ``costs``: what a step does, counted, beside its baseline and its budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

import baselines
from tools import console, freshness
from tools.counts import Compared, Count, forget, on_file, path, rests_on, words
from validation import leaves, machine
from validation.records import BrokenRecord
from validation.verdicts import Status

if TYPE_CHECKING:
    from baselines.engine import Case, Engine
    from validation.claims import Agreement


def run(names: list[str], accept: bool, check: bool, as_json: bool, again: bool = True) -> int:
    """Count, show, compare with the budget; exit 1 where something has outgrown it."""
    chosen = leaves.chosen(names)
    told = {} if again else {name: known for name in chosen if (known := settled(name))}
    shown: list[Compared] = []
    with console.progress("counting") as tell:
        for name in (n for n in chosen if n not in told):
            tell(name)
            told[name] = fresh(name, accept)
            if not check and "passed over" not in told[name]:
                shown.append(compared(name, leaves.claim(name), told[name]["outgrown"]))
    forget()
    if as_json:
        console.as_json({name: told[name] for name in chosen})
    else:
        show({name: told[name] for name in chosen}, shown)
    return int(any(found.get("outgrown") for found in told.values()))


def settled(name: str) -> dict | None:
    """What is known without counting anything anew; none where that is nothing."""
    known = on_file(name)
    if known:
        return {"outgrown": known.outgrown}
    status, verdict, _ = freshness.judged(name)
    if verdict is None or status in (Status.STALE, Status.UNJUDGED):
        return None
    return passed("rejected") if verdict.expected == "rejected" else None


def fresh(name: str, accept: bool) -> dict[str, object]:
    """Counted now, unless there is nothing to count."""
    import torch  # late: most runs count nothing

    torch.set_num_threads(1)
    claim = leaves.claim(name)
    lacking = machine.missing(claim.engine.needs)
    if claim.expected != "verified":
        return passed(claim.expected)
    return {"passed over": "; ".join(lacking)} if lacking else judged(name, claim, accept)


def passed(expected: str) -> dict[str, str]:
    return {"passed over": f"its claim expects it to be {expected}"}


def judged(name: str, claim: Agreement, accept: bool) -> dict[str, object]:
    """What has outgrown the budget; with ``accept``, the budget is what there is now."""
    from tools import budget, counting  # late: torch

    counts = {n: counting.count(claim.engine, case) for n, case in budget.cases(claim).items()}
    place = budget.path(name)
    if accept:
        budget.budget(name, counts).write(place)
    try:
        return {"outgrown": budget.outgrown(budget.Budget.read(place), counts)}
    except FileNotFoundError:
        return {"outgrown": [], "no budget": f"to accept: groundspeed costs {name} --accept"}
    except BrokenRecord as error:
        return {"outgrown": [str(error)]}


_frozen: dict[tuple[str, str], Count] = {}


def frozen(engine: Engine, case_name: str, case: Case) -> Count:
    """Of a baseline: counted once, however many optimizations it has."""
    key = (engine.name, case_name)
    if key not in _frozen:
        from tools import counting  # late: torch

        _frozen[key] = counting.count(engine, case)
    return _frozen[key]


def compared(name: str, claim: Agreement, outgrown: list[str]) -> Compared:
    """Counts at the smallest everyday timed case, or at the budget's; written.

    An engine of objects makes some 1e5 calls a step at its larger sizes, and counting each
    takes a fraction of a millisecond.
    """
    from tools import budget, counting, least  # late: torch

    base = baselines.load(claim.engine.name)
    timed = {n: c for n, c in claim.covered().items() if c.timed}
    least_timed = sorted(timed, key=lambda n: budget.cells(base.name, n))[:1]
    timed = {n: timed[n] for n in least_timed} or budget.cases(claim)
    return Compared(
        optimization=name,
        engine=base.name,
        rests_on=rests_on(name, base.name),
        outgrown=outgrown,
        baseline={n: frozen(base, n, case) for n, case in timed.items()},
        candidate={n: counting.count(claim.engine, case) for n, case in timed.items()},
        least_bytes={n: least.least_bytes(base, n) for n in timed},
        working_set={n: least.working_set(base, n) for n in timed},
        dtypes={n: str(case.dtype).removeprefix("torch.") for n, case in timed.items()},
    ).write(path(name))


def show(told: dict[str, dict], shown: list[Compared]) -> None:
    """A line a case, baseline → here; then what has outgrown its budget."""
    for record in shown:
        for case, ours in record.candidate.items():
            console.line(record.optimization, case, words(record.baseline[case], ours))
    for name, found in told.items():
        if "passed over" in found:
            console.line(name, "PASSED OVER", found["passed over"])
        if "no budget" in found:
            console.line(name, "NO BUDGET", found["no budget"])
        for line in found.get("outgrown", []):
            console.line(name, "OUTGROWN", line)
    clean = sum(found == {"outgrown": []} for found in told.values())
    console.line("costs", "WITHIN" if clean else "", f"{clean} of {len(told)} within their budget")
