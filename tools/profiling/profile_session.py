"""Runs all instruments on one target and merges what they find."""

from math import ceil
from statistics import median

from groundspeed.tools.console import Tell
from groundspeed.tools.profiling import advice, metrics, tables
from groundspeed.tools.profiling.instruments import perf_stat, py_spy_pass
from groundspeed.tools.profiling.profile_record import Overhead, Profile
from groundspeed.tools.profiling.program import stacks
from groundspeed.tools.profiling.program.launch import InstrumentRuns, NoInstrument, ProgramFailed
from groundspeed.tools.profiling.program.source_scope import Own
from groundspeed.tools.records.conditions import conditions
from groundspeed.tools.roofline.model import Ceilings

ENOUGH = 1000  # samples
REPEATS = 3  # of a whole run
COUNTED = 3  # steps under the counters: two to compare with the first, or one if they are long
WAITS = 0.05  # share of the wall clock from which waiting is looked for by line


def measure(passes: InstrumentRuns, seconds: float, tell: Tell) -> tuple[Profile, dict]:
    """The record, and what the figures and artefacts are made from.

    Raises:
        ProgramFailed: the bare program does not run to its end.
    """
    tell("clocks")
    bare = Bare(passes, seconds)
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
        metrics=metrics.of(bare),
    )
    look = Look(passes, bare, profile)
    for instrument in (look.roof, look.stacks, look.operators, look.calls, look.timeline,
                       look.heap, look.line_times, look.caches):  # fmt: skip
        tell(instrument.__name__.replace("_", " "))
        try:
            instrument()
        except (NoInstrument, ProgramFailed) as reason:
            profile.unavailable[instrument.__name__] = str(reason)
    tables.fill(profile, look.raw, look.own, bare)
    metrics.complete(profile, look.raw, bare)
    profile.findings = advice.of(profile)
    profile.notes = advice.notes(profile, bare.first.get("opaque", ""))
    return profile, look.raw


class Bare:
    """The undisturbed runs: blocks of steps of an engine, or repeats of a whole run.

    ``seconds`` is what the clocks may take of steps of an engine, and the samples too.
    """

    def __init__(self, passes: InstrumentRuns, seconds: float, repeats: int = REPEATS):
        self.engine, self.longest_s = passes.target.kind == "engine", 5 * seconds
        self.first = passes.run("bare", seconds=seconds)
        runs, self.blocks = [self.first], [*self.first["blocks"]]
        while not self.engine and len(runs) < repeats:
            if sum(b["wall_s"] for b in self.blocks) >= self.longest_s:
                break
            runs.append(passes.run("bare"))
            self.blocks += runs[-1]["blocks"]
        self.samples = [s for run in runs for s in run["samples"]]
        self.graphics = [s for run in runs for s in run["graphics"]]
        self.calls = self.first["steps"]
        self.stride = self.first.get("stride", 1)
        self.steps = self.calls * self.stride
        # What makes another run of an engine as long as this one.
        self.same = {"steps": self.calls, "blocks": len(self.blocks)} if self.engine else {}
        self.call_s = median(b["wall_s"] for b in self.blocks) / self.calls
        self.call_cpu_s = median(b["cpu_s"] for b in self.blocks) / self.calls
        known = [b for b in self.blocks if "run_queue_s" in b]  # where the system tells
        away = [b["wall_s"] - b["main_on_cpu_s"] - b["run_queue_s"] for b in known]
        # Of a block and of a call, waiting for anything but a core.
        self.blocked_s = max(0.0, median(away)) if away else None
        self.call_blocked_s = (self.blocked_s or 0.0) / self.calls
        # What a call takes when it has a core: computing, and waiting for anything else.
        self.call_busy_s = self.call_cpu_s + self.call_blocked_s
        # Of a whole program under py-spy: enough samples, in the time that clocks have too.
        wanted = ceil(min(ENOUGH / py_spy_pass.RATE, seconds) / self.call_s)
        fit = 1 if self.engine else min(8, wanted, int(self.longest_s / self.call_s))
        self.sampled_runs = max(1, fit)

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

    def __init__(self, passes: InstrumentRuns, bare: Bare, profile: Profile):
        self.passes, self.bare, self.profile = passes, bare, profile
        self.own = Own(passes.target.root, passes.target.kind)
        self.raw: dict = {}

    def cost(self, name: str, region: dict, calls: int) -> None:
        """Record what the instrument did to the clocks."""
        wall = region["wall_s"] / calls / self.bare.call_s
        cpu = region["cpu_s"] / calls / max(self.bare.call_cpu_s, 1e-9)
        self.profile.overheads[name] = Overhead(wall=round(wall, 3), cpu=round(cpu, 3))

    def watch(self, instrument: str, label: str, steps: int, **spec) -> dict:
        """So many steps under an instrument of the worker; what it found."""
        found = self.passes.run(instrument, steps=steps, **spec) | {"calls": steps}
        self.cost(label, found["region"], steps)
        self.raw[instrument] = found
        return found

    def roof(self) -> None:
        self.needs_torch()  # only operators are held to it
        self.profile.ceilings = Ceilings(**self.passes.run("roof"))

    def stacks(self) -> None:
        bare, runs = self.bare, self.bare.sampled_runs
        self.raw["stacks"], region = py_spy_pass.sampled(self.passes, runs, True, **bare.same)
        self.cost("py-spy", region, bare.calls * len(bare.blocks) if bare.engine else runs)
        if bare.call_blocked_s / bare.call_s > WAITS:
            self.raw["busy"], _ = py_spy_pass.sampled(self.passes, runs, False, **bare.same)

    def needs_torch(self) -> None:
        if not self.bare.first["torch"]:
            reason = "the program does not use torch; operators of numpy cannot be observed"
            raise NoInstrument(reason)

    def operators(self) -> None:
        self.needs_torch()
        self.watch("operators", "operator counter with hashes", self.bare.counted())

    def calls(self) -> None:
        self.watch("calls", "call digests", self.bare.counted())

    def timeline(self) -> None:
        self.needs_torch()
        counted = self.raw.get("operators")
        if not counted:
            raise NoInstrument("the operators were not counted, so the trace cannot be kept small")
        if not counted["launches"]:
            raise NoInstrument("the program asks torch for no operators that can be traced")
        steps, file = self.bare.few(1.0, COUNTED), self.passes.scratch / "trace.json.gz"
        self.watch(
            "timeline", "torch.profiler", steps, artefact=str(file),
            operators=sorted({row["operator"] for row in counted["rows"] if row["launches"]}),
            total=counted["launches"] * steps // counted["calls"],
        )  # fmt: skip

    def heap(self) -> None:
        steps, file = self.bare.few(1.0), self.passes.scratch / "heap.bin"
        brief = not self.bare.engine and self.bare.call_s > 10
        self.watch("heap", "memray", steps, artefact=str(file), brief=brief)

    def line_times(self) -> None:
        steps, hot = self.bare.few(1.0, 200), self.hot()
        if not hot:
            raise NoInstrument("no function of the program's own is hot")
        if not self.watch("line_times", "line_profiler", steps, hot=hot)["functions"]:
            reason = "the hot functions left no line times; they are compiled or generated"
            raise NoInstrument(reason)

    def hot(self) -> dict[str, list[int]]:
        """From the samples; where there are none, from the calls that took longest."""
        if "stacks" in self.raw:
            leaf, _, _ = stacks.by_line(self.raw["stacks"], self.own)
            return stacks.hot_functions(leaf, self.passes.target.what)
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
