"""One process of a measurement: a baseline, its candidates and controls, turn about.

    python -m tools.stopwatch '{"seed": 0, "budget_s": 0.5, "cases": {CASE: [NAME, ...]},
                                "levels": {NAME: LEVEL}, "folder": PATH}'

In every round each contender makes the same number of steps of the same trajectory, in
random order, and each block is timed by wall clock and by processor time. Contenders:

    baseline   the frozen engine
    NAME       an optimization of it; several share the baseline's rounds
    control    the frozen engine once more (A/A): whatever ratio it shows is noise
    injected   the control's block and a known number of steps more: a slowdown of known size
    stream     a = b − a in place over arrays of the state's size: the machine's limit

Prints a JSON object for each case, and between them marks at which the parent reads a clock
of its own. `tools.timekeeper` starts these and listens; `tools.clock` draws the conclusions.
What the timed calls of a candidate left behind is noted after each block: `tools.phases`.
"""

from __future__ import annotations

import gc
import json
import math
import os
import random
import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

import memray
import torch

import baselines
from baselines.engine import Case, Engine, State, clone
from tools.phases import Trail
from validation import leaves
from validation.surroundings import settings

BLOCK_S = 2e-3  # a block is as long, where the trajectory has the steps for it
ROUNDS = (3, 5, 100)  # at least: of slow cases, of others; at most
SLOW_S = 0.05  # a first call below this is followed by a second before the first round
SLOW_BLOCK_S = 0.25  # above it few rounds, and no slowdown is injected
INJECTED = 0.05  # share of the block that the injected slowdown adds, in whole steps
AUDIT_S = 0.02  # of blocks of one contender alone, under the parent's clock
AUDIT_BLOCKS = 100

Tell = Callable[[dict], None]


@dataclass
class Contender:
    """An engine in the middle of a case's trajectory."""

    engine: Engine
    case: Case
    start: State

    def __post_init__(self):
        before = perf_counter()
        self.step = self.engine.prepare(self.case)
        self.restart()
        self.state = self.step(self.state)
        self.first_call_s = self.once_s = perf_counter() - before
        if self.first_call_s < SLOW_S or self.engine.needs:  # what compiles was slow once
            self.restart()
            self.once_s = self.make(self.engine.stride)[0] / self.engine.stride
        self.restart()

    def restart(self, start: State | None = None) -> None:
        """To a start of its own: the last one is let go only after the next has its memory."""
        self.state = self.engine.adopt(self.case, clone(self.start if start is None else start))

    def make(self, steps: int) -> tuple[float, float]:
        """Wall and processor seconds for that many steps of the baseline."""
        step, state = self.step, self.state
        calls = range(steps // self.engine.stride)
        wall, cpu = perf_counter(), process_time()
        for _ in calls:
            state = step(state)
        cpu, wall = process_time() - cpu, perf_counter() - wall
        self.state = state
        return wall, cpu

    def observed(self) -> State:
        return self.engine.observe(self.case, self.state)


@dataclass
class Control(Contender):
    """The frozen engine once more; and, after it, ``extra`` steps whose result is dropped."""

    extra: int = 0

    def make(self, steps: int) -> tuple[float, float]:
        start = self.state
        self.wall, self.cpu = super().make(steps)
        if self.extra:
            after, self.state = self.state, start
            wall, cpu = super().make(self.extra)
            self.state = after
            self.wall, self.cpu = self.wall + wall, self.cpu + cpu
            return self.wall - wall, self.cpu - cpu
        return self.wall, self.cpu


@dataclass
class Stream:
    """The in-place stream: two arrays of a field's size, one written back."""

    field: torch.Tensor

    def __post_init__(self):
        self.b = torch.ones_like(self.field)
        self.a = torch.ones_like(self.field)

    @property
    def bytes(self) -> int:
        return 3 * self.a.numel() * self.a.element_size()

    def make(self, steps: int) -> tuple[float, float]:
        a, b = self.a, self.b
        wall, cpu = perf_counter(), process_time()
        for _ in range(steps):
            torch.sub(b, a, out=a)
        return perf_counter() - wall, process_time() - cpu


@dataclass
class Rounds:
    """The contenders of one case, and what was timed of them."""

    case: Case
    contenders: dict[str, Contender | Stream]
    candidates: list[str]
    steps: int
    rng: random.Random
    tell: Tell
    passes: Trail
    folder: Path
    before: dict[str, object]  # settings before any candidate was called

    def __post_init__(self):
        self.found: list[dict[str, tuple[float, float]]] = []
        self.lost: dict[str, str] = {}
        self.watched = {name: Watched(self.passes.twin()) for name in self.candidates}

    @property
    def runners(self) -> list[Contender]:
        return [c for c in self.contenders.values() if isinstance(c, Contender)]

    def run(self, least: int, budget_s: float, warm: bool) -> None:
        """Rounds until the budget is spent; the trajectory restarts where it ends.

        A round before the first is the warm-up; of slow steps the first call was that.
        """
        for runner in self.runners:
            runner.restart()
        self.warm_up = self.one_round() if warm else {}
        made, began = self.begin(), perf_counter()
        while len(self.found) < least or (
            len(self.found) < ROUNDS[-1] and perf_counter() - began < budget_s
        ):
            if made + self.steps > self.case.steps:
                made = self.begin()
            self.tell({"begin": "rounds"})
            self.found.append(self.one_round())
            self.tell({"end": total(self.found[-1])})
            made += self.steps
            self.each(lambda watched, contender, made=made: watched.note(made, contender))
        self.each(lambda watched, contender: watched.end())

    def begin(self) -> int:
        """All to the start of the next pass; no steps made yet."""
        fresh = self.passes.begin()
        for runner in self.runners:
            runner.restart(fresh)
        self.each(lambda watched, contender: watched.begin(contender))
        return 0

    def each(self, act: Callable[[Watched, Contender], None]) -> None:
        """Something that asks each candidate for its state, at its own risk."""
        for name in list(self.candidates):
            try:
                act(self.watched[name], self.contenders[name])
            except Exception as error:  # its own loss, not that of the others
                self.lose(name, error)

    def one_round(self) -> dict[str, tuple[float, float]]:
        """Seconds a block of each contender: (wall, processor)."""
        order = list(self.contenders)
        self.rng.shuffle(order)
        found = {}
        for name in order:
            try:
                found[name] = self.contenders[name].make(self.steps)
            except Exception as error:  # whatever a candidate raises is its own loss
                if name not in self.candidates:
                    raise
                self.lose(name, error)
                continue
            if name in self.watched:
                self.watched[name].held_to(self.before)
            if name == "control" and self.contenders[name].extra:
                found["injected"] = (self.contenders[name].wall, self.contenders[name].cpu)
        return found

    def lose(self, name: str, error: Exception) -> None:
        self.lost[name] = f"{type(error).__name__}: {error}"
        del self.contenders[name], self.watched[name]
        self.candidates.remove(name)

    def audit(self, name: str) -> None:
        """Blocks of one contender alone, between marks at which the parent reads its clock.

        Blocks that are long show in the marks around the rounds.
        """
        contender = self.contenders[name]
        expected = max(1e-6, min(r[name][0] for r in self.found if name in r))
        if expected > SLOW_BLOCK_S:
            return
        fits = max(1, self.case.steps // self.steps)
        blocks = min(fits, AUDIT_BLOCKS, math.ceil(AUDIT_S / expected))
        contender.restart()
        self.tell({"begin": name})
        spent = sum(contender.make(self.steps)[0] for _ in range(blocks))
        self.tell({"end": spent, "expected": expected * blocks})


@dataclass
class Watched:
    """What is noted of a candidate outside the timed windows."""

    trail: Trail

    def __post_init__(self):
        self.observing: list[float] = []
        self.changed: list[str] = []

    def begin(self, contender: Contender) -> None:
        self.trail.begin()
        self.at_rest = self.look(contender)[1]

    def note(self, made: int, contender: Contender) -> None:
        state, took = self.look(contender)
        self.observing.append(took - self.at_rest)
        self.trail.note(made, state)
        self.last = (made, state)

    def look(self, contender: Contender) -> tuple[State, float]:
        """The canonical state, and the wall seconds that it took to give it."""
        before = perf_counter()
        state = contender.observed()
        return state, perf_counter() - before

    def end(self) -> None:
        self.trail.keep("last", *self.last)

    def held_to(self, before: dict[str, object]) -> None:
        """Global state after a block of its own, against that before the first."""
        changed = [key for key, value in settings().items() if value != before[key]]
        self.changed += [key for key in changed if key not in self.changed]

    def told(self, folder: Path, case: str, stride: int) -> dict:
        return self.trail.save(folder, case) | {
            "stride": stride,
            "observing_s": sorted(self.observing)[len(self.observing) // 2],
            "changed": self.changed,
        }


def total(found: dict[str, tuple[float, float]]) -> float:
    """Wall seconds of the blocks of a round; an injected block holds its control's."""
    held = {"control"} if "injected" in found else set()
    return sum(wall for name, (wall, _) in found.items() if name not in held)


def measure_case(
    candidates: dict[str, Engine],
    case_name: str,
    seed: int,
    budget_s: float,
    tell: Tell,
    level: str,
    folder: Path,
) -> dict:
    """All rounds of one case, and what the timed calls of the candidates computed.

    ``level`` is the weakest claim among them, ``folder`` where whole states are left.
    """
    baseline = baselines.load(next(iter(candidates.values())).name)
    case = baseline.cases[case_name]
    start, before = baseline.initial(case), settings()
    contenders: dict[str, Contender | Stream] = {"baseline": Contender(baseline, case, start)}
    lost = {}
    for name, candidate in candidates.items():
        try:
            contenders[name] = Contender(candidate, case, start)
        except Exception as error:  # its own loss, not that of the others
            lost[name] = f"{type(error).__name__}: {error}"
    able = [name for name in candidates if name in contenders]
    stride = math.lcm(*(candidates[name].stride for name in able), 1)
    steps = block_length(contenders["baseline"], case, stride)
    slow = contenders["baseline"].once_s * steps > SLOW_BLOCK_S
    contenders["control"] = Control(baseline, case, start)
    if not slow and not baseline.in_place:
        contenders["control"].extra = max(1, round(INJECTED * steps))
    contenders["stream"] = Stream(max(start, key=lambda t: t.numel() * t.element_size()))
    trail = Trail(baseline, start, level, seed)
    rng = random.Random(seed)
    rounds = Rounds(case, contenders, able, steps, rng, tell, trail, folder, before)
    rounds.run(ROUNDS[0] if slow else ROUNDS[1], budget_s * (2 + len(able)), warm=not slow)
    for name in ("baseline", *rounds.candidates):
        rounds.audit(name)
    return told(rounds, case_name, baseline) | {"lost": lost | rounds.lost}


def told(rounds: Rounds, case_name: str, baseline: Engine) -> dict:
    """What the parent is told of a case."""
    timed = {n: c for n, c in rounds.contenders.items() if n == "baseline" or n in rounds.watched}
    steps = rounds.steps
    return {
        "case": case_name,
        "steps": steps,
        "extra": rounds.contenders["control"].extra,
        "rounds": [per_step(found, steps) for found in rounds.found],
        "warm_up": per_step(rounds.warm_up, steps),
        "trails": {
            name: watched.told(rounds.folder, f"{case_name}.{name}", timed[name].engine.stride)
            for name, watched in rounds.watched.items()
        },
        "first_call_s": {name: c.first_call_s for name, c in timed.items()},
        "peak_bytes": {name: working_memory(c) for name, c in timed.items()},
        "stream_bytes": rounds.contenders["stream"].bytes,
        "least_bytes": baseline.least_bytes(rounds.case) if baseline.least_bytes else None,
    }


def per_step(found: dict[str, tuple[float, float]], steps: int) -> dict[str, list[float]]:
    """Seconds a step of the baseline: [wall, processor]."""
    return {name: [float(f"{t / steps:.5g}") for t in times] for name, times in found.items()}


def block_length(baseline: Contender, case: Case, stride: int) -> int:
    """Steps a block: enough for the clock, and no more than the trajectory has."""
    wanted = max(1, round(BLOCK_S / max(baseline.once_s, 1e-7)))
    blocks = max(1, min(wanted, case.steps) // stride)
    return blocks * stride


def working_memory(contender: Contender) -> int:
    """Bytes that one call needs at its peak, beyond the state that it is given."""
    contender.restart()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "allocations"
        with memray.Tracker(file):
            contender.make(contender.engine.stride)
        return memray.FileReader(file).metadata.peak_memory


def quietly(measure: Callable[[], dict]) -> dict:
    """Without the garbage collector between the rounds."""
    gc.collect()
    gc.disable()
    try:
        return measure()
    finally:
        gc.enable()


def speaker() -> Tell:
    """Writes to the parent on a copy of standard output; what code under test prints goes aside."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return lambda words: print(json.dumps(words), file=out, flush=True)


def main() -> None:
    tell = speaker()
    asked = json.loads(sys.argv[1])
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    names = {name for here in asked["cases"].values() for name in here}
    engines, broken = load(sorted(names))
    for case, here in asked["cases"].items():
        able = {name: engines[name] for name in here if name in engines}
        if not able:
            raise RuntimeError(next(broken[name] for name in here))
        levels = {asked["levels"][name] for name in able}
        level = "exact" if levels == {"exact"} else "rounding"
        words = (able, case, asked["seed"], asked["budget_s"], tell, level, Path(asked["folder"]))
        found = quietly(lambda w=words: measure_case(*w))
        found["lost"] |= {name: broken[name] for name in here if name in broken}
        tell(found)


def load(names: list[str]) -> tuple[dict[str, Engine], dict[str, str]]:
    """Engines by name, and why the others do not load."""
    engines, broken = {}, {}
    for name in names:
        try:
            engines[name] = leaves.engine(name)
        except leaves.BrokenLeaf as why:
            broken[name] = str(why)
    return engines, broken


if __name__ == "__main__":
    main()
