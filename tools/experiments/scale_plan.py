"""How far one repository and its machines reach: sizes and times measured here, then simulated.

`python -m groundspeed.tools.experiments.scale_plan` measures what a record weighs, how long
reading takes and how far apart the verdicts and numbers on file were made; it files that and
a simulation of many claims on many machines, which `reports/scale.md` shows. The simulation
is deterministic: lost jobs are drawn from a fixed seed.
"""

import heapq
import random
import zlib
from collections.abc import Iterable
from datetime import datetime
from statistics import mean
from time import perf_counter

from groundspeed import baselines
from groundspeed.tools import console
from groundspeed.tools.records import evidence
from groundspeed.tools.records.conditions import Conditions, conditions
from groundspeed.tools.records.evidence import View
from groundspeed.tools.rendering.templates import PAGES
from groundspeed.validation import discovery, machine
from groundspeed.validation.records import results
from groundspeed.validation.records.base import Part, today

SECTION, NAME = "scale", "tools/scale"
CLAIMS, MACHINES, KINDS = 10_000, 100, 5
LOST = 0.01  # share of jobs that a cluster loses
START_S = 30.0  # of a job: queue, imports, the baseline's kept runs
PAUSE_S = 300.0  # a longer gap between two results is a pause, not work
WAIT_S = 2.0  # of a verb that only reads: longer feels broken
SEED = 1


class Measured(Part):
    """What one claim on one kind of machine costs, as found here."""

    files: int
    record_bytes: float
    compressed_bytes: float  # as git keeps it, before it packs
    read_s: float  # of one file, until it is known what it is worth today
    verdict_s: float  # between two verdicts of one run, with all cores at work
    timing_s: float  # between two timed claims of one run
    claims_a_baseline: float


class Scenario(Part):
    """A piece of work for the whole fleet, and how long it takes."""

    title: str
    jobs: int
    lost: int
    hours: float  # until the last job has ended
    node_hours: float
    bytes: float  # that the repository grows by, compressed
    files: int


class ScalePlan(Part):
    """What was measured, and what follows for many claims and machines."""

    made: str
    conditions: Conditions
    claims: int
    machines: int
    kinds: int
    measured: Measured
    scenarios: list[Scenario]


def main() -> int:
    """Measure, simulate, file."""
    found = measure(evidence.home())
    plan = ScalePlan(
        made=today(), conditions=conditions(), claims=CLAIMS, machines=MACHINES, kinds=KINDS,
        measured=found, scenarios=scenarios(found, CLAIMS, MACHINES, KINDS),
    )  # fmt: skip
    results.put(SECTION, plan, NAME, machine.kind())
    for one in plan.scenarios:
        console.line(one.title, f"{one.hours:.1f} h", f"{one.jobs} jobs", f"{one.lost} lost")
    return 0


def measure(on: str) -> Measured:
    """From the evidence of the kind of machine that has most."""
    reading = reading_s(on)  # before anything else reads
    paths = [results.path(name, on) for name in results.names(on)]
    texts = [path.read_bytes() for path in paths]
    found = [evidence.of(name, on) for name in results.names(on)]
    return Measured(
        files=len(paths),
        record_bytes=mean(map(len, texts)),
        compressed_bytes=mean(len(zlib.compress(text)) for text in texts),
        read_s=reading,
        verdict_s=apart(e.verdict.made for e in found if e.verdict),
        timing_s=apart(e.timing.made for e in found if e.timing),
        claims_a_baseline=len(discovery.names()) / len(baselines.names()),
    )


def reading_s(on: str) -> float:
    """Seconds a file, of all evidence of a kind, in a process that has read none of it."""
    names = results.names(on)
    begin = perf_counter()
    for name in names:
        evidence.of(name, on)
    return (perf_counter() - begin) / len(names)


def apart(stamps: Iterable[str]) -> float:
    """Mean seconds from one result to the next, without the pauses between runs."""
    moments = sorted(datetime.fromisoformat(stamp) for stamp in stamps)
    gaps = [(b - a).total_seconds() for a, b in zip(moments, moments[1:], strict=False)]
    return mean(gap for gap in gaps if gap < PAUSE_S)


def scenarios(found: Measured, claims: int, machines: int, kinds: int) -> list[Scenario]:
    """The whole matrix anew, all verdicts under a new torch, and a week's edits."""
    week = claims // 100
    every, changed = groups(claims, found), groups(week, found)
    return [
        simulated("everything judged and timed", every, found, machines, kinds, timed=True),
        simulated("everything judged, as under a new torch", every, found, machines, kinds, False),
        simulated("one claim in a hundred edited", changed, found, machines, kinds, timed=True),
    ]


def groups(claims: int, found: Measured) -> list[int]:
    """Claims of each baseline."""
    each = max(1, round(found.claims_a_baseline))
    return [each] * (claims // each) + [claims % each] * bool(claims % each)


def simulated(
    title: str, sizes: list[int], found: Measured, machines: int, kinds: int, timed: bool
) -> Scenario:
    """Each kind has its share of the machines. A baseline's claims are judged in one job and then
    timed in one, alone on its node; a lost job is done again from its start."""
    dice = random.Random(SEED)
    ends, busy, jobs, lost = [], 0.0, 0, 0
    for _ in range(kinds):
        free = [0.0] * max(1, machines // kinds)
        for size in sizes:
            works = [size * found.verdict_s, *([size * found.timing_s] if timed else [])]
            for work in works:
                tries = 1 + (dice.random() < LOST)
                taken = tries * (START_S + work)
                heapq.heapreplace(free, free[0] + taken)
                busy, jobs, lost = busy + taken, jobs + 1, lost + tries - 1
        ends.append(max(free))
    files = sum(sizes) * kinds
    return Scenario(
        title=title, jobs=jobs, lost=lost, hours=max(ends) / 3600, node_hours=busy / 3600,
        bytes=files * found.compressed_bytes, files=files,
    )  # fmt: skip


def page(view: View) -> str:
    """The text of reports/scale.md, "" where nothing was measured."""
    found = [(on, plan) for on in view.machines if (plan := on_file(on))]
    shown = {"found": found[:1], "wait": WAIT_S, "lost": LOST, "start": START_S}
    return PAGES.get_template("scale.md").render(**shown) if found else ""


def on_file(on: str) -> ScalePlan | None:
    return results.section_or_none(ScalePlan, SECTION, NAME, on)


if __name__ == "__main__":
    raise SystemExit(main())
