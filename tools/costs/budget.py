"""An optimization's committed cost budget, and the comparison with it.

Counts do not depend on the machine or on its noise, so the comparison is exact: no operator,
allocation or synchronisation point more than was accepted, and no more than a hundredth more
bytes or arithmetic (data decide some sizes, and the last bits of data differ between vector
widths). A line is known by its file and text, so that moving it costs nothing.
"""

from collections import Counter
from functools import cache
from pathlib import Path

from groundspeed import baselines
from groundspeed.baselines.engine import Case, describe
from groundspeed.tools.costs.cost_summary import Count, Line
from groundspeed.validation import discovery, machine
from groundspeed.validation.claims import Agreement
from groundspeed.validation.records.base import Part, Record

SIZES = ("dtype", "seed", "steps", "timed", "quick", "stored")  # make no other kind of case
KINDS = 3  # of case that are counted, the smallest ones
TOLERATED = {"operators": 0.0, "allocations": 0.0, "compiled": 0.0, "moved": 0.01, "flops": 0.01}


class Spent(Part):
    """One line, in all cases together."""

    path: str
    text: str
    operators: int
    waits: dict[str, int]


class Budget(Record):
    """What an optimization may cost: a step of each kind of case, and which lines spend it."""

    optimization: str
    torch: str
    opaque: str
    cases: dict[str, dict[str, float]]
    lines: list[Spent]


def path(name: str) -> Path:
    return discovery.folder(name) / "costs.json"


def kind(value: object) -> object:
    """A description with its numbers left out, but for whether they are 0."""
    if isinstance(value, dict):
        return tuple(sorted((k, kind(v)) for k, v in value.items() if k not in SIZES))
    if isinstance(value, list):
        return tuple(map(kind, value))
    return bool(value) if isinstance(value, int | float) else value


def cases(claim: Agreement) -> dict[str, Case]:
    """Small everyday cases that the claim covers, one of each kind, as many as are cheap.

    Tiny cases are stored whole by their engines; where a claim covers none, the smallest
    others stand in.
    """
    covered = claim.covered()
    small = {name: case for name, case in covered.items() if case.stored} or covered
    found: dict[object, tuple[int, str]] = {}
    for name, case in small.items():
        size = cells(claim.engine.name, name)
        key = kind(describe(case))
        found[key] = min(found.get(key, (size, name)), (size, name))
    return {name: claim.baseline.cases[name] for _, name in sorted(found.values())[:KINDS]}


@cache
def cells(engine: str, case: str) -> int:
    """Elements of a case's state."""
    base = baselines.load(engine)
    return sum(t.numel() for t in base.initial(base.cases[case]))


def totals(count: Count) -> dict[str, float]:
    """What is compared of a case, per step."""
    columns = ("operators", "allocations", "compiled", "flops")
    return {c: count.per_step(c) for c in columns} | {"moved": count.moved}


def merged(counts: dict[str, Count]) -> dict[tuple[str, str], list[Line]]:
    """Lines of all cases by file and text."""
    found: dict[tuple[str, str], list[Line]] = {}
    for count in counts.values():
        for line in count.lines:
            found.setdefault((line.path, line.text), []).append(line)
    return found


def waits(lines: list[Line]) -> dict[str, int]:
    return dict(sum((Counter(line.waits) for line in lines), Counter()))


def budget(name: str, counts: dict[str, Count]) -> Budget:
    """The counts as what is accepted from now on."""
    lines = [
        Spent(path=file, text=text, operators=sum(k.operators for k in group), waits=waits(group))
        for (file, text), group in sorted(merged(counts).items())
    ]
    return Budget(
        optimization=name,
        torch=machine.torch_version(),
        opaque="; ".join(sorted({c.opaque for c in counts.values()} - {""})),
        cases={case: totals(count) for case, count in sorted(counts.items())},
        lines=lines,
    )


def outgrown(accepted: Budget, counts: dict[str, Count]) -> list[str]:
    """What costs more than was accepted, a sentence each, naming file and line."""
    found = stalls(accepted, counts)
    if accepted.torch != machine.torch_version():
        return found  # another release decomposes operators otherwise; waits stay waits
    worse: dict[str, list[str]] = {}  # the same lines in many cases are said once
    for case, count in counts.items():
        for where, words in dearer(accepted, case, count):
            worse.setdefault(where, []).append(words)
    for where, words in worse.items():
        more = f"; and in {len(words) - 1} more cases" if len(words) > 1 else ""
        found.append(f"{where}: {words[0]}{more}")
    return found


def stalls(accepted: Budget, counts: dict[str, Count]) -> list[str]:
    """Synchronisation points that the budget does not have."""
    known = {(s.path, s.text): s.waits for s in accepted.lines}
    return [
        f"{lines[0].where}: {label} × {times} in all counted steps, "
        f"{known.get(key, {}).get(label, 0)} accepted: a GPU would be waited for at "
        f"`{lines[0].text}`"
        for key, lines in merged(counts).items()
        for label, times in waits(lines).items()
        if times > known.get(key, {}).get(label, 0)
    ]


def dearer(accepted: Budget, case: str, count: Count) -> list[tuple[str, str]]:
    """(the lines that have grown, totals of a case above their budget)."""
    if case not in accepted.cases:
        return [("a case that is not in the budget", case)]
    then, now = accepted.cases[case], totals(count)
    over = [key for key, slack in TOLERATED.items() if now[key] > then[key] * (1 + slack)]
    if not over:
        return []
    words = ", ".join(f"{key} {now[key]:g} a step, {then[key]:g} accepted" for key in over)
    spent = {(s.path, s.text): s.operators for s in accepted.lines}
    grown = [
        line.where for line in count.lines  # a new line, or more calls in one case than in all
        if (line.path, line.text) not in spent
        or ("operators" in over and line.operators > spent[line.path, line.text])
    ]  # fmt: skip
    return [(", ".join(grown[:4]) or "no single line", f"in {case}: {words}")]
