"""The verb ``costs``: what a step does, counted, beside its baseline and its budget."""

from __future__ import annotations

from pathlib import Path

import torch

import baselines
from baselines.engine import Case, Engine
from tools import budget, console, counting
from tools.counting import Count
from validation import digests, leaves, machine
from validation.claims import Agreement
from validation.records import BrokenRecord, Record
from validation.verdicts import foundations


class Compared(Record):
    """Counts of an optimization and of its baseline, case by case."""

    optimization: str
    engine: str
    rests_on: dict[str, str]
    outgrown: list[str]  # of its budget, in words
    baseline: dict[str, Count]
    candidate: dict[str, Count]
    least_bytes: dict[str, int]  # that any step moves, see tools.least
    working_set: dict[str, int]  # bytes of the state
    dtypes: dict[str, str]


def path(name: str, root: Path = digests.ROOT) -> Path:
    return root / "reports" / "costs" / f"{name}.json"


def rests_on(name: str, engine: str) -> dict[str, str]:
    """What decides the counts: the code of both, this code, and the release of torch."""
    here = Path(__file__).parent
    found = foundations(name, engine)
    own = [here / f for f in ("counting.py", "operators.py", "least.py", "costs.py")]
    accepted = budget.path(name)
    kept = ("baseline", "baseline sources", "implementation", "torch")
    return {key: found[key] for key in kept} | {
        "counter": digests.of_files([*own, here / "budget.py"]),
        "budget": digests.of_file(accepted) if accepted.exists() else "none",
    }


def on_file(name: str) -> Compared | None:
    """The counts on file, if nothing has changed that decides them."""
    try:
        found = Compared.read(path(name))
    except (FileNotFoundError, BrokenRecord):
        return None
    return found if found.rests_on == rests_on(name, found.engine) else None


def run(names: list[str], accept: bool, check: bool, as_json: bool, again: bool = True) -> int:
    """Count, show, compare with the budget; exit 1 where something has outgrown it."""
    torch.set_num_threads(1)
    told: dict[str, dict] = {}
    shown: list[Compared] = []
    with console.progress("counting") as tell:
        for name in leaves.chosen(names):
            tell(name)
            claim = leaves.claim(name)
            why = passed_over(claim)
            known = None if why or again else on_file(name)
            if why:
                told[name] = {"passed over": why}
            elif known:
                told[name] = {"outgrown": known.outgrown}
            else:
                told[name] = judged(name, claim, accept)
                if not check:
                    shown.append(compared(name, claim, told[name]["outgrown"]))
    if as_json:
        console.as_json(told)
    else:
        show(told, shown)
    return int(any(found.get("outgrown") for found in told.values()))


def passed_over(claim: Agreement) -> str:
    """Why there is nothing to count; "" where there is."""
    if claim.expected != "verified":
        return f"its claim expects it to be {claim.expected}"
    return "; ".join(machine.missing(claim.engine.needs))


def judged(name: str, claim: Agreement, accept: bool) -> dict[str, object]:
    """What has outgrown the budget; with ``accept``, the budget is what there is now."""
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
        _frozen[key] = counting.count(engine, case)
    return _frozen[key]


def compared(name: str, claim: Agreement, outgrown: list[str]) -> Compared:
    """Counts at the smallest everyday timed case, or at the budget's; written.

    An engine of objects makes some 1e5 calls a step at its larger sizes, and counting each
    takes a fraction of a millisecond.
    """
    from tools import least  # late: it counts too

    base = baselines.load(claim.engine.name)
    timed = {n: c for n, c in claim.covered(full=False).items() if c.timed}
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


def words(theirs: Count, ours: Count) -> str:
    """Operators, bytes, arithmetic, allocations and waits of a step."""
    columns = {"operators": 1, "moved": 1e6, "flops": 1e6, "allocations": 1, "stalls": 1}
    units = ("operators", "MB moved", "Mflop", "allocations", "waits")
    text = ", ".join(
        f"{unit} {number(theirs, column, scale)} → {number(ours, column, scale)}"
        for unit, (column, scale) in zip(units, columns.items(), strict=True)
    )
    compiled = ours.per_step("compiled")
    inside = f"; a compiler has {compiled:g} operators more" if compiled else ""
    blind = f"; not seen inside: {ours.opaque}" if ours.opaque else ""
    return text + inside + blind


def number(count: Count, column: str, scale: float = 1) -> str:
    """What was counted of a step; where that cannot be all, it says so instead of a zero."""
    value = (count.moved if column == "moved" else count.per_step(column)) / scale
    if not count.opaque or column == "stalls":
        return f"{value:.4g}"
    return f"at least {value:.4g}" if value else "not seen"
