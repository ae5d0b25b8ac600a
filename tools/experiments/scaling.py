"""Command ``scaling``: seconds a step on 1, 2 and more ranks, without the judge.

*Strong*: one grid over more ranks. *Weak*: a grid that grows with them along its first axis. Each
repeat runs all numbers of ranks in random order, each in fresh processes under torchrun; a ratio
is that of two runs of one repeat, and its interval that between repeats. A step takes as long as
the slowest rank.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from groundspeed.tools import console
from groundspeed.tools.experiments.sweep import rests_on
from groundspeed.tools.process import died, environment, watched, without_compiler_switches
from groundspeed.tools.records.conditions import Conditions, timing_conditions
from groundspeed.tools.records.evidence import View
from groundspeed.tools.records.machine_load import wait_for_quiet
from groundspeed.tools.rendering.templates import PAGES
from groundspeed.tools.timing import intervals
from groundspeed.validation import discovery, machine
from groundspeed.validation.records import results
from groundspeed.validation.records.base import Part, today
from groundspeed.validation.records.errors import NotMeasured, Refused

SECTION = "scaling"
PROGRAM = "groundspeed.tools.ranks.run"
PATIENCE_S = 600.0  # for one run
WARM = 2  # steps before, which are not timed
LEAST = 3  # repeats, of which an interval says something


class ScalingRow(Part):
    """One number of ranks on one grid."""

    kind: str  # strong or weak
    ranks: int
    shape: list[int]
    step_s: float  # of the slowest rank; the median over repeats
    speedup: tuple[float, float, float]  # of a step over one rank: value and interval
    efficiency: float  # share of what that many ranks could give
    messages: float  # share of a step that the rank with the most spends on messages and waiting
    every_s: list[float]  # of each repeat


class Scaling(Part):
    """What was measured of an optimization."""

    made: str
    optimization: str
    case: str
    steps: int
    repeats: int
    rests_on: str  # what its verdict rests on
    conditions: Conditions
    rows: list[ScalingRow]


def name_of(optimization: str) -> str:
    return f"scaling/{optimization}"


def run(
    name: str, case: str, ranks: str, shape: str, steps: int, repeats: int, as_json: bool = False
) -> int:
    """The verb: measure, and keep a record.

    Raises:
        UnknownName, BrokenLeaf: no such optimization or case.
        NotMeasured: it has no current verdict, and a speed without one is not shown.
        Refused: it works in one process, or a run did not come to its end.
        ValueError: a number that is not allowed.
    """
    from groundspeed.tools.ranks.this_rank import decomposition  # late: torch

    counts = ranks_asked(ranks)
    if repeats < LEAST:
        raise ValueError(f"{repeats} repeats; allowed: {LEAST} and more, for an interval")
    cases = decomposition(name).engine.cases
    case = case or next(key for key, own in cases.items() if own.timed)
    basis, why_not = rests_on(name)
    if why_not:
        raise NotMeasured(f"{name} is {why_not}")
    size = tuple(map(int, shape.split(","))) if shape else cases[case].shape
    places = [*grids(counts, size)]
    found: dict[tuple, list[dict]] = {(kind, n): [] for kind, n, _ in places}
    conditions = timing_conditions(beside=wait_for_quiet())
    with console.progress("scaling", total=repeats * len(places)) as tell:
        for _ in range(repeats):
            for kind, n, grid in random.sample(places, len(places)):
                tell(f"{name} {kind} {n} ranks")
                found[kind, n].append(one(name, case, n, grid, steps))
    rows = [row(kind, n, grid, found) for kind, n, grid in places]
    kept = Scaling(
        made=today(), optimization=name, case=case, steps=steps, repeats=repeats, rests_on=basis,
        conditions=conditions, rows=rows,
    )  # fmt: skip
    results.put(SECTION, kept, name_of(name), machine.kind())
    console.answer(as_json, kept, lines(kept))
    return 0


def ranks_asked(text: str) -> list[int]:
    """Numbers of ranks, 1 among them, to which the others are compared.

    Raises:
        ValueError: other words.
    """
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) for part in parts):
        raise ValueError(f"ranks are {text!r}; allowed: whole numbers and commas, such as 1,2,4")
    return sorted({1, *map(int, parts)})


def grids(counts: list[int], shape: tuple[int, ...]) -> Iterator[tuple[str, int, tuple[int, ...]]]:
    """(kind, ranks, grid) of all runs; that on one rank serves both kinds."""
    for n in counts:
        yield "strong", n, shape
    for n in counts[1:]:
        yield "weak", n, (shape[0] * n, *shape[1:])


def one(name: str, case: str, ranks: int, shape: tuple[int, ...], steps: int) -> dict:
    """What rank 0 of one run says.

    Raises:
        Refused: it did not come to its end.
    """
    with tempfile.TemporaryDirectory(prefix=f"groundspeed-{os.getpid()}-") as folder:
        out, log = Path(folder, "out.json"), Path(folder, "log")
        words = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        words += ["--nproc-per-node", str(ranks), "-m", PROGRAM, name, "--case", case]
        words += ["--shape", ",".join(map(str, shape)), "--steps", str(steps)]
        words += ["--warm", str(WARM), "--out", str(out)]
        code, _ = watched(words, log, PATIENCE_S, without_compiler_switches(environment()))
        if code:
            raise Refused(f"{name} on {ranks} ranks: {failure(code, log)}")
        return json.loads(out.read_text(encoding="utf-8"))


def failure(code: int, log: Path) -> str:
    """The line of the rank that failed, or how torchrun ended."""
    said = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line for line in said if line.startswith("rank ")), died(code, log))


def row(kind: str, n: int, grid: tuple[int, ...], found: dict[tuple, list[dict]]) -> ScalingRow:
    """One number of ranks over one rank, repeat by repeat."""
    own, single = ([run["step_s"] for run in found[key]] for key in ((kind, n), ("strong", 1)))
    work = n if kind == "weak" else 1  # as many steps of one rank's grid
    ratios = [work * a / b for a, b in zip(single, own, strict=True)]
    speedup = intervals.between(ratios)
    return ScalingRow(
        kind=kind, ranks=n, shape=list(grid), step_s=median(own), speedup=tuple(speedup),
        efficiency=speedup.value / n, every_s=own,
        messages=median(max(run["messages"]) for run in found[kind, n]),
    )  # fmt: skip


def lines(found: Scaling) -> Iterator[tuple[str, ...]]:
    for r in found.rows:
        value, low, high = r.speedup
        crowded = ", more ranks than processors" if r.ranks > found.conditions.cores else ""
        words = f"{1e3 * r.step_s:.3g} ms a step, {value:.2f}x [{low:.2f}, {high:.2f}]"
        words += f", {r.messages:.0%} messages{crowded}"
        yield found.optimization, f"{r.kind} {r.ranks}", "×".join(map(str, r.shape)), words


def page(view: View) -> str:
    """The text of reports/scaling.md, from every machine that has measured it."""
    found = [
        (on, kept, state(kept, on))
        for on in view.machines
        for name in discovery.names()
        if (kept := results.section_or_none(Scaling, SECTION, name_of(name), on))
    ]
    return PAGES.get_template("scaling.md").render(found=found) if found else ""


def state(kept: Scaling, on: str) -> str:
    """Why the numbers are not shown any more; "" where they are."""
    basis, why_not = rests_on(kept.optimization, on)
    if not why_not and basis != kept.rests_on:
        why_not = "measured of other code"
    return why_not and f"{why_not}; run: groundspeed scaling {kept.optimization}"
