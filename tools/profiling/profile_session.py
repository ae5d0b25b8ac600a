"""Runs all instruments on one target and merges what they find."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median

from tools.console import Tell
from tools.profiling import advice, metrics, tables
from tools.profiling.instruments import perf_stat, py_spy_pass
from tools.profiling.profile_record import Overhead, Profile
from tools.profiling.program.launch import InstrumentRuns, NoInstrument, ProgramFailed
from tools.profiling.program.source_scope import Own
from tools.records.conditions import conditions
from tools.roofline.model import Ceilings

ENOUGH = 1000  # samples
COUNTED = 3  # steps under the counters: two to compare with the first, or one if they are long
WAITS = 0.05  # share of the wall clock from which waiting is looked for by line


@dataclass
class ProfilePlan:
    """How long the instruments may look."""

    seconds: float = 4.0  # of steps of an engine, for clocks and samples each
    repeats: int = 3  # of a whole run

    @property
    def longest_s(self) -> float:
        """Of repeats of a whole run under one instrument."""
        return 5 * self.seconds

    def runs(self, each_s: float) -> int:
        """Of a whole program under py-spy: enough samples, in the time that clocks have too."""
        wanted = ceil(min(ENOUGH / py_spy_pass.RATE, self.seconds) / each_s)
        return max(1, min(8, wanted, int(self.longest_s / each_s)))


def measure(passes: InstrumentRuns, plan: ProfilePlan, tell: Tell) -> tuple[Profile, dict]:
    """The record, and what the figures and artefacts are made from.

    Raises:
        ProgramFailed: the bare program does not run to its end.
    """
    tell("clocks")
    bare = Bare(passes, plan)
    target = passes.target
    profile = Profile(
        name=target.name,
        kind=target.kind,
        what=metrics.told_target(target),
        case=bare.first.get("case", ""),
        steps=bare.steps,
        conditions=conditions(threads=passes.threads),
        busy_s=bare.call_busy_s / bare.stride,
        repeats_s=[b["wall_s"] / bare.steps for b in bare.blocks],
        metrics=metrics.of(bare.blocks, bare.samples, bare.first, bare.graphics, bare.steps),
    )
    look = Look(passes, bare, profile, tell)
    for instrument in (look.roof, look.stacks, look.operators, look.calls, look.timeline,
                       look.heap, look.line_times, look.caches):  # fmt: skip
        tell(instrument.__name__.replace("_", " "))
        try:
            instrument()
        except (NoInstrument, ProgramFailed) as reason:
            profile.unavailable[instrument.__name__] = str(reason)
    tables.fill(profile, look.raw, Own(target.root, target.kind), bare)
    metrics.complete(profile, look.raw, bare)
    profile.findings = advice.of(profile, bare.first.get("opaque", ""))
    return profile, look.raw


class Bare:
    """The undisturbed runs: blocks of steps of an engine, or repeats of a whole run."""

    def __init__(self, passes: InstrumentRuns, plan: ProfilePlan):
        engine = passes.target.kind == "engine"
        self.first = passes.run("bare", seconds=plan.seconds)
        runs = [self.first]
        while not engine and len(runs) < plan.repeats and self.total(runs) < plan.longest_s:
            runs.append(passes.run("bare"))
        self.blocks = [block for run in runs for block in run["blocks"]]
        self.samples = [s for run in runs for s in run["samples"]]
        self.graphics = [s for run in runs for s in run["graphics"]]
        self.calls = self.first["steps"]
        self.stride = self.first.get("stride", 1)
        self.steps = self.calls * self.stride
        self.engine, self.plan = engine, plan

    @staticmethod
    def total(runs: list[dict]) -> float:
        return sum(b["wall_s"] for run in runs for b in run["blocks"])

    @property
    def call_s(self) -> float:
        return median(b["wall_s"] for b in self.blocks) / self.calls

    @property
    def call_busy_s(self) -> float:
        """What a call takes when it has a core: computing, and waiting for anything else."""
        return self.call_cpu_s + self.blocked_s

    @property
    def blocked_s(self) -> float:
        """Of a call, waiting for anything but a core."""
        known = [b for b in self.blocks if "run_queue_s" in b]
        away = [b["wall_s"] - b["main_on_cpu_s"] - b["run_queue_s"] for b in known]
        return max(0.0, median(away)) / self.calls if away else 0.0

    @property
    def call_cpu_s(self) -> float:
        return median(b["cpu_s"] for b in self.blocks) / self.calls

    def few(self, seconds: float, most: int = 20) -> int:
        """Calls that take about so long; a whole run is one."""
        if not self.engine:
            return 1
        return max(1, round(min(most, self.first["length"], seconds / self.call_s)))

    def counted(self) -> int:
        """Calls under the counters, which make a call of small operators ten times as long."""
        return max(self.few(1.0, COUNTED), self.few(float("inf"), COUNTED - 1))


class Look:
    """Each method is an instrument; what it finds goes into ``raw`` under its name."""

    def __init__(self, passes: InstrumentRuns, bare: Bare, profile: Profile, tell: Tell):
        self.passes, self.bare, self.profile = passes, bare, profile
        self.raw: dict = {}

    def cost(self, name: str, region: dict, calls: int) -> None:
        """Record what the instrument did to the clocks."""
        wall = region["wall_s"] / calls / self.bare.call_s
        cpu = region["cpu_s"] / calls / max(self.bare.call_cpu_s, 1e-9)
        self.profile.overheads[name] = Overhead(wall=round(wall, 3), cpu=round(cpu, 3))

    def roof(self) -> None:
        self.needs_torch()  # only operators are held to it
        self.profile.ceilings = Ceilings(**self.passes.run("roof"))

    def stacks(self) -> None:
        runs, spec = 1, {"steps": self.bare.calls, "blocks": len(self.bare.blocks)}
        if not self.bare.engine:
            runs = self.bare.plan.runs(self.bare.call_s)
            spec = {}
        calls = runs * (spec["steps"] * spec["blocks"] if spec else 1)
        self.raw["stacks"], region = py_spy_pass.sampled(self.passes, runs, True, **spec)
        self.raw["sampled_s"] = region["wall_s"]
        self.cost("py-spy", region, calls)
        waited = self.profile.metrics["blocked"].value
        if waited and waited / (self.bare.call_s * self.bare.calls) > WAITS:
            self.raw["busy"], _ = py_spy_pass.sampled(self.passes, runs, False, **spec)

    def needs_torch(self) -> None:
        if not self.bare.first["torch"]:
            raise NoInstrument(
                "the program does not use torch; operators of numpy cannot be observed"
            )

    def operators(self) -> None:
        self.needs_torch()
        steps = self.bare.counted()
        found = self.passes.run("operators", steps=steps)
        self.raw["operators"] = found | {"calls": steps}
        self.cost("operator counter with hashes", found["region"], steps)

    def calls(self) -> None:
        steps = self.bare.counted()
        found = self.passes.run("calls", steps=steps)
        self.raw["calls"] = found
        self.cost("call digests", found["region"], steps)

    def timeline(self) -> None:
        self.needs_torch()
        counted = self.raw.get("operators")
        if not counted:
            raise NoInstrument("the operators were not counted, so the trace cannot be kept small")
        steps, total = self.bare.few(1.0, COUNTED), counted["launches"]
        if not total:
            raise NoInstrument("the program asks torch for no operators that can be traced")
        names = sorted({row["operator"] for row in counted["rows"]})
        file = self.passes.scratch / "trace.json.gz"
        found = self.passes.run(
            "timeline", steps=steps, artefact=str(file), operators=names,
            total=total * steps // counted["calls"],
        )  # fmt: skip
        self.raw["timeline"] = found | {"calls": steps}
        self.raw["whole_trace"] = total * steps // counted["calls"] <= 20_000
        self.cost("torch.profiler", found["region"], steps)

    def heap(self) -> None:
        steps, file = self.bare.few(1.0), self.passes.scratch / "heap.bin"
        brief = not self.bare.engine and self.bare.call_s > 10
        found = self.passes.run("heap", steps=steps, artefact=str(file), brief=brief)
        self.raw["heap"] = found | {"calls": steps}
        self.cost("memray", found["region"], steps)

    def line_times(self) -> None:
        steps, hot = self.bare.few(1.0, 200), self.hot()
        if not hot:
            raise NoInstrument("no function of the program's own is hot")
        found = self.passes.run("line_times", steps=steps, hot=hot)
        if not found["functions"]:
            raise NoInstrument(
                "the hot functions left no line times; they are compiled or generated"
            )
        self.raw["line_times"] = found | {"calls": steps}
        self.cost("line_profiler", found["region"], steps)

    def hot(self) -> dict[str, list[int]]:
        """From the samples; where there are none, from the calls that took longest."""
        own = Own(self.passes.target.root, self.passes.target.kind)
        if "stacks" in self.raw:
            leaf, _, _ = py_spy_pass.by_line(self.raw["stacks"], own)
            return py_spy_pass.hot_functions(leaf, self.passes.target.what)
        rows = [row for row in self.raw.get("calls", {}).get("rows", []) if row["own"]]
        found: dict[str, list[int]] = {}
        for row in sorted(rows, key=lambda r: -r["inclusive_s"])[:6]:
            found.setdefault(row["file"], []).append(row["first_line"])
        if self.passes.target.kind == "script":
            found.setdefault(self.passes.target.what, []).append(0)
        return {file: sorted(set(lines)) for file, lines in found.items()}

    def caches(self) -> None:
        steps = {"steps": self.bare.calls, "blocks": 1} if self.bare.engine else {}
        self.raw["caches"] = perf_stat.rates(self.passes, **steps)


def artefacts(raw: dict, passes: InstrumentRuns, folder: Path) -> dict[str, str]:
    """Files for other programs, under ``raw/``: they are large and made again at will."""
    from tools.profiling import flamegraph

    place = folder / "raw"
    place.mkdir()
    own = Own(passes.target.root, passes.target.kind)
    made = {}
    if raw.get("stacks"):
        (place / "stacks.txt").write_text(py_spy_pass.folded(raw["stacks"], own))
        scope = py_spy_pass.speedscope(raw["stacks"], own, passes.target.name, raw["sample_s"])
        (place / "speedscope.json").write_text(json.dumps(scope))
        made |= {"stacks, folded": "raw/stacks.txt", "speedscope": "raw/speedscope.json"}
    if "timeline" in raw:
        (passes.scratch / "trace.json.gz").rename(place / "trace.json.gz")
        made["trace (Chrome, Perfetto)"] = "raw/trace.json.gz"
    if "heap" in raw and flamegraph.memory(passes.scratch / "heap.bin", place / "memory.html"):
        made["memory flamegraph"] = "raw/memory.html"
    return made
