"""Command ``costs``: counts a step and compares it with its baseline and its budget."""

from collections.abc import Iterable, Iterator
from concurrent.futures import as_completed
from functools import cache
from itertools import groupby

from groundspeed import baselines
from groundspeed.tools import console
from groundspeed.tools.costs.cost_summary import (
    Compared,
    Steps,
    Total,
    budget_now,
    code_now,
    on_file,
    words,
)
from groundspeed.tools.records import evidence
from groundspeed.tools.records.answers import CostOutcome
from groundspeed.tools.records.protocols import COUNTER
from groundspeed.validation import discovery, machine
from groundspeed.validation.parallel.process_pool import processes
from groundspeed.validation.records.base import BrokenRecord
from groundspeed.validation.records.codes import Code, with_code

PROCESSES = 2  # that count at once
PASSED = "its claim expects it to be {}"


def run(names: list[str], accept: bool, check: bool, as_json: bool, again: bool = True) -> int:
    """Count, show, compare with the budget; exit 1 where something has outgrown it, or where a
    budget is to be accepted of a step in which nothing can be counted."""
    chosen = discovery.chosen(names)
    known = {} if again else {name: found for name in chosen if (found := settled(name))}
    outcomes = dict(known)
    shown: list[Compared] = []
    with console.progress("counting") as tell:
        for found in side_by_side([n for n in chosen if n not in outcomes], accept, check):
            tell(found[-1][0])
            outcomes |= {name: outcome for name, outcome, _ in found}
            shown += [record for _, _, record in found if record]
    on_file.cache_clear()  # other processes have filed theirs
    news = {name: outcomes[name] for name in chosen if name not in known}
    # why others have no budget was said when they were new
    within = {n: found for n, found in known.items() if {"outgrown", "not counted"} & {*found}}
    rows = lines(news | within, sorted(shown, key=lambda r: r.optimization))
    console.answer(as_json, {name: told(outcomes[name]) for name in chosen}, rows)
    refused = accept and any("not counted" in outcomes[name] for name in names)
    return int(refused or any(found.get("outgrown") for found in outcomes.values()))


def told(outcome: dict[str, object]) -> dict[str, object]:
    """What came of an optimization, for programs."""
    code = {"code": Code.OUTGROWN} if outcome.get("outgrown") else {}
    return CostOutcome(**outcome, **code).model_dump(by_alias=True, exclude_unset=True)


Counted = tuple[str, dict[str, object], "Compared | None"]  # name, what came of it, what was filed


def side_by_side(names: list[str], accept: bool, check: bool) -> Iterator[list[Counted]]:
    """Those of one engine together, in processes of their own where there are several: counts
    are the same whatever else runs.

    Raises:
        RuntimeError: a process was killed; what was finished is on file.
    """
    groups = [
        [*group]
        for _, group in groupby(sorted(names, key=discovery.engine_family), discovery.engine_family)
    ]
    if len(groups) < 2:
        yield from (counted([name], accept, check) for name in names)
        return
    largest = sorted(groups, key=len, reverse=True)
    with processes("counting", PROCESSES) as pool:
        waiting = [pool.submit(counted, group, accept, check) for group in largest]
        yield from (done.result() for done in as_completed(waiting))


def counted(names: list[str], accept: bool, check: bool) -> list[Counted]:
    """Each of them, and its record filed unless that is only to be checked."""
    found: list[Counted] = []
    for name in names:
        outcome = fresh(name, accept)
        filed = not check and "passed over" not in outcome
        grown = outcome.get("outgrown", [])
        found.append((name, outcome, compared(name, grown) if filed else None))
    return found


def settled(name: str) -> dict | None:
    """What is known without counting anything anew; none where that is nothing."""
    known = on_file(name, installed=True)
    if known:
        return not_counted(known.candidate.values()) or {"outgrown": known.outgrown}
    found = evidence.View().of(name)
    rejected = found.current and found.verdict.expected == "rejected"
    return {"passed over": PASSED.format("rejected")} if rejected else None


def fresh(name: str, accept: bool) -> dict[str, object]:
    """What has outgrown the budget, unless there is nothing to count; with ``accept``, the budget
    is what there is now."""
    import torch  # late: most runs count nothing

    from groundspeed.tools.costs import budget, dispatch_counter

    torch.set_num_threads(1)
    claim = discovery.claim(name)
    if claim.expected != "verified":
        return {"passed over": PASSED.format(claim.expected)}
    if lacking := machine.missing(claim.engine.needs):
        return {"passed over": "; ".join(lacking)}
    counts = {
        n: dispatch_counter.count(claim.engine, case) for n, case in budget.cases(claim).items()
    }
    if hidden := not_counted(counts.values()):
        return hidden  # no budget is written of it, and none is kept
    place = budget.path(name)
    if accept:
        budget.budget(name, counts).write(place)
    try:
        return {"outgrown": budget.outgrown(budget.Budget.read(place), counts)}
    except FileNotFoundError:
        return {"outgrown": [], "no budget": f"to accept: groundspeed costs {name} --accept"}
    except BrokenRecord as error:
        return {"outgrown": [str(error)]}


def not_counted(counts: Iterable[Steps]) -> dict[str, object]:
    """The reason, where nothing can be seen in any case."""
    reasons = [count.unseen for count in counts]
    return {"not counted": reasons[0]} if reasons and all(reasons) else {}


@cache
def frozen(engine: str, case: str) -> Total:
    """Of a baseline: counted once, however many optimizations it has."""
    from groundspeed.tools.costs import dispatch_counter  # late: torch

    base = baselines.load(engine)
    total = Total.of(dispatch_counter.count(base, base.cases[case]))
    return total.model_copy(update={"waits_at": []})


def compared(name: str, outgrown: list[str]) -> Compared:
    """Counts at the smallest everyday timed case, or at the budget's; written.

    An engine of objects makes some 1e5 calls a step at its larger sizes, and counting each
    takes a fraction of a millisecond.
    """
    from groundspeed.tools.costs import budget, dispatch_counter, minimum_work  # late: torch

    claim = discovery.claim(name)
    base = baselines.load(claim.engine.name)
    timed = {n: c for n, c in claim.covered().items() if c.timed}
    least_timed = sorted(timed, key=lambda n: budget.cells(base.name, n))[:1]
    timed = {n: timed[n] for n in least_timed} or budget.cases(claim)
    return Compared(
        optimization=name,
        engine=base.name,
        protocol=COUNTER.number,
        modified=COUNTER.modified(),
        torch=machine.torch_version(),
        code=code_now(name, base.name),
        budget=budget_now(name),
        outgrown=outgrown,
        baseline={n: frozen(base.name, n) for n in timed},
        candidate={
            n: Total.of(dispatch_counter.count(claim.engine, case)) for n, case in timed.items()
        },
        least_bytes={n: minimum_work.least_bytes(base, n) for n in timed},
        working_set={n: minimum_work.working_set(base, n) for n in timed},
        dtypes={n: str(case.dtype).removeprefix("torch.") for n, case in timed.items()},
    ).file()


def blind(shown: list[Compared]) -> dict[str, str]:
    """Optimizations of whose step nothing can be seen, and why."""
    return {
        record.optimization: next(iter(record.candidate.values())).opaque
        for record in shown
        if record.candidate and all(total.opaque for total in record.candidate.values())
    }


def lines(outcomes: dict[str, dict], shown: list[Compared]) -> Iterator[tuple[str, ...]]:
    """A line a case, baseline → here; then what has outgrown its budget."""
    for record in shown:
        for case, ours in record.candidate.items():
            yield record.optimization, case, words(record.baseline[case], ours)
    for name, found in outcomes.items():
        if "passed over" in found:
            yield name, "PASSED OVER", found["passed over"]
        if "not counted" in found:
            yield name, "NOT COUNTED", f"{found['not counted']}; it can have no budget"
        if "no budget" in found:
            yield name, "NO BUDGET", found["no budget"]
        for line in found.get("outgrown", []):
            yield name, "OUTGROWN", with_code(line, Code.OUTGROWN)
    for name, why in blind(shown).items():
        if "not counted" not in outcomes[name]:
            yield name, "NOT COUNTED", f"its budget says nothing: {why}"
    clean = sum(
        found == {"outgrown": []} for name, found in outcomes.items() if name not in blind(shown)
    )
    hidden = sum("not counted" in found for found in outcomes.values())
    more = f", {hidden} not counted" if hidden else ""
    total = f"{clean} of {len(outcomes)} within their budget{more}"
    yield "costs", "WITHIN" if clean else "", total
