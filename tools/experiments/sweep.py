"""Command ``map``: speedup over size, dtype, threads and device.

Quick paired ratios of one process each: enough to see where an optimization gains and where
it loses, not enough for a claim (that is what ``bench`` is for). A scenario that was not
measured says so and why; what was measured of other code, or without a current VERIFIED
verdict, counts as not measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product
from time import monotonic

from groundspeed import baselines
from groundspeed.baselines.engine import Engine, describe
from groundspeed.tools import console
from groundspeed.tools.process import Died, Worker
from groundspeed.tools.records import evidence
from groundspeed.tools.records.conditions import Conditions, timing_conditions
from groundspeed.tools.records.protocols import CLOCK
from groundspeed.validation import discovery, machine
from groundspeed.validation.judge.verdicts import Status
from groundspeed.validation.records import digests, results
from groundspeed.validation.records.base import Part
from groundspeed.validation.records.base import today as now

EACH_S = 0.3  # of rounds, for each scenario
PATIENCE_S = 3600.0  # for each scenario, its reference included
WAITING = "not measured yet; run: groundspeed map"
THREADS = (1, 2)


class Scenario(Part):
    """One cell of the map; without a ratio there is a reason."""

    optimization: str
    size: str
    dtype: str
    threads: int
    device: str = "cpu"
    reason: str = ""
    ratio: float | None = None  # candidate / baseline: processor time on one thread, else wall
    low: float | None = None  # inside one process
    high: float | None = None
    baseline_s: float | None = None
    candidate_s: float | None = None
    rounds: int = 0
    checked: str = ""  # how it was compared with the baseline on the spot
    rests_on: str = ""

    @property
    def place(self) -> tuple:
        return self.optimization, self.size, self.dtype, self.threads, self.device


class Map(Part):
    """The scenarios of an engine."""

    engine: str
    made: str
    protocol: int  # of the clock
    modified: str = ""
    conditions: Conditions
    columns: list[str]
    rows: dict[str, list[list]]  # by optimization: a scenario's values in the order of the columns

    @classmethod
    def of(cls, scenarios: list[Scenario], **about) -> Map:
        rows: dict[str, list[list]] = {}
        for s in scenarios:
            rows.setdefault(s.optimization, []).append([getattr(s, c) for c in COLUMNS])
        return cls(columns=COLUMNS, rows=rows, **about)

    @property
    def scenarios(self) -> list[Scenario]:
        return [
            Scenario(optimization=name, **dict(zip(self.columns, row, strict=True)))
            for name, rows in self.rows.items()
            for row in rows
        ]


SECTION = "scenarios"
COLUMNS = [f for f in Scenario.model_fields if f not in ("optimization", "device", "reason")]


def name_of(engine: str) -> str:
    return f"sweeps/{engine}"


def rests_on(name: str, on: str = "") -> tuple[str, str]:
    """(what its scenarios rest on, why it has none): one of the two is empty."""
    status, verdict, reason = evidence.judged(name, on=on)
    if status is not Status.VERIFIED or verdict is None:
        return "", f"{status}: {reason}"
    if verdict.level == "approximate":
        return "", "other physics: not a speedup of the baseline"
    return verdict.code, ""


@cache
def bound(basis: str, engine: str, size: str, dtype: str) -> str:
    """What one scenario rests on: that of its optimization, and its case, in all that it says."""
    from groundspeed.tools.experiments.sweep_sizes import case_at  # late: torch

    return digests.of_plain([basis, describe(case_at(baselines.load(engine), size, dtype))])[:8]


def places(engine: str) -> Iterator[tuple[str, str, int, str]]:
    """(size, type, threads, device) of every scenario, the engine's own type and small first."""
    from groundspeed.tools.experiments.sweep_sizes import scale  # late: torch

    here = scale(baselines.load(engine))
    for dtype, size, threads in product(here.dtypes, here.sizes, THREADS):
        yield size, dtype, threads, "cpu"
    for dtype, size in product(here.dtypes, here.sizes):
        yield size, dtype, 1, "cuda"


def on_file(engine: str, on: str = "") -> Map | None:
    """What that kind of machine, this one by default, has measured under rules that still hold."""
    found = results.section_or_none(Map, SECTION, name_of(engine), on or machine.kind())
    stands = found and CLOCK.stands(found.modified)
    return found if stands and not CLOCK.overturned(found.protocol, {"sweep"}) else None


def today(engine: str, names: list[str], on: str = "") -> list[Scenario]:
    """Every scenario of the engine: measured on today's code, or with the reason why not."""
    kept = on_file(engine, on)
    known = {s.place: s for s in kept.scenarios} if kept else {}
    found = []
    for name in names:
        basis, why_not = rests_on(name, on)
        own = discovery.engine(name)
        if not on:  # here and now
            why_not = why_not or "; ".join(machine.missing(own.needs))
        for size, dtype, threads, device in places(engine):
            where = {"size": size, "dtype": dtype, "threads": threads, "device": device}
            never = why_not or unreachable(own, size, threads, device, on)
            row = known.get((name, *where.values()))
            if never or row is None or row.rests_on != bound(basis, engine, size, dtype):
                row = Scenario(optimization=name, **where, reason=never or WAITING)
            found.append(row)
    return found


def unreachable(own: Engine, size: str, threads: int, device: str, on: str) -> str:
    """Why an optimization can have no such scenario on a kind of machine, or here and now."""
    from groundspeed.tools.experiments.sweep_sizes import length  # late: torch

    if device == "cuda":
        return "mapped on the CPU only"
    if any(machine.RANKS.match(need) for need in own.needs):
        return "works over ranks; groundspeed scaling measures that"
    if not on and threads > machine.cores():
        return f"{threads} threads on {machine.cores()} cores"
    steps = length(own, size)
    short = own.stride > steps
    return f"a call makes {own.stride} steps, {steps} are mapped here" if short else ""


def ask(workers: dict[int, Worker], scenario: Scenario) -> dict:
    """What the process with that number of threads answers; a new one where the last has died."""
    threads = scenario.threads
    if threads not in workers:
        module = "groundspeed.tools.experiments.sweep_worker"
        workers[threads] = Worker(module, threads=threads, patience_s=PATIENCE_S)
    request = scenario.model_dump(include={"optimization", "size", "dtype"})
    try:
        return workers[threads].ask(request | {"budget_s": EACH_S})
    except Died as why:
        workers.pop(threads).close()
        return {"reason": f"the process died here: {why}"}


def measure(engine: str, names: list[str], until: float, tell: console.Tell) -> list[Scenario]:
    """Measure what is missing until the time is over; written after every scenario."""
    scenarios = today(engine, names)
    kept = on_file(engine)
    others = [s for s in kept.scenarios if s.optimization not in names] if kept else []
    before = timing_conditions()
    workers: dict[int, Worker] = {}
    try:
        for scenario in in_turn(scenarios):
            if monotonic() > until:
                break
            tell(f"{scenario.optimization} {scenario.size} {scenario.dtype}")
            found = ask(workers, scenario)
            basis = rests_on(scenario.optimization)[0]
            found["rests_on"] = bound(basis, engine, scenario.size, scenario.dtype)
            for key, value in ({"reason": ""} | found).items():
                setattr(scenario, key, value)
            done = [s for s in scenarios if s.rests_on]
            about = {"made": now(), "protocol": CLOCK.number, "modified": CLOCK.modified()}
            made = Map.of([*others, *done], engine=engine, conditions=before, **about)
            results.put(SECTION, made, name_of(engine), machine.kind())
    finally:
        for worker in workers.values():
            worker.close()
    return scenarios


def in_turn(scenarios: list[Scenario]) -> list[Scenario]:
    """Those that wait, the smallest of everyone first."""
    order = list(dict.fromkeys(s.place[1:] for s in scenarios))
    waiting = [s for s in scenarios if s.reason == WAITING]
    return sorted(waiting, key=lambda s: order.index(s.place[1:]))


def run(names: list[str], budget_s: float, as_json: bool = False) -> int:
    """The verb: measure what is missing within the budget; `report` draws it."""
    end = monotonic() + budget_s
    chosen: dict[str, list[str]] = {}
    for name in discovery.chosen(names):
        chosen.setdefault(discovery.engine(name).name, []).append(name)
    with console.progress("mapping") as tell:
        found = {}
        for left, (engine, own) in zip(range(len(chosen), 0, -1), chosen.items(), strict=True):
            until = monotonic() + (end - monotonic()) / left  # a fair share of what is left
            found[engine] = measure(engine, own, until, tell)
    rows = [s for scenarios in found.values() for s in scenarios]
    table = ((engine, *summary(scenarios)) for engine, scenarios in found.items())
    console.answer(as_json, rows, table)
    return 0


def summary(scenarios: list[Scenario]) -> tuple[str, str]:
    measured = [s for s in scenarios if s.ratio is not None]
    losses = sum(s.low > 1 for s in measured)  # beyond the interval
    waiting = sum(s.reason == WAITING for s in scenarios)
    words = f"of {len(scenarios)} scenarios, {losses} losses, {waiting} wait for the next run"
    return f"{len(measured)} measured", words
