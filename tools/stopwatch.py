"""One process of a measurement: a baseline, its candidates and controls, turn about.

    python -m tools.stopwatch '{"seed": 0, "budget_s": 0.5, "cases": {CASE: [NAME, ...]}}'

In every round each contender makes the same number of steps of the same trajectory, in
random order, and each block is timed by wall clock and by processor time. Contenders:

    baseline   the frozen engine
    NAME       an optimization of it; several share the baseline's rounds
    control    the frozen engine once more (A/A): whatever ratio it shows is noise
    injected   the control's block and a known number of steps more: a slowdown of known size
    stream     a = b − a in place over arrays of the state's size: the machine's limit

Prints a JSON object for each case, and between them marks at which the parent reads a clock
of its own. `tools.timekeeper` starts these and listens; `tools.clock` draws the conclusions.
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
from validation import leaves
from validation.trajectory import errors

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

    def restart(self) -> None:
        self.state = self.engine.adopt(self.case, clone(self.start))

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

    def __post_init__(self):
        self.found: list[dict[str, tuple[float, float]]] = []
        self.lost: dict[str, str] = {}
        self.ends: dict[str, list] = {name: [] for name in self.candidates}

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
        for runner in self.runners:
            runner.restart()
        made, began = 0, perf_counter()
        self.tell({"begin": "rounds"})
        since = len(self.found)
        while len(self.found) < least or (
            len(self.found) < ROUNDS[-1] and perf_counter() - began < budget_s
        ):
            if made + self.steps > self.case.steps:
                self.tell({"end": total(self.found[since:])})
                self.compare(made)
                made = 0
                for runner in self.runners:
                    runner.restart()
                since = len(self.found)
                self.tell({"begin": "rounds"})
            self.found.append(self.one_round())
            made += self.steps
        self.tell({"end": total(self.found[since:])})
        self.compare(made)

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
            if name == "control" and self.contenders[name].extra:
                found["injected"] = (self.contenders[name].wall, self.contenders[name].cpu)
        return found

    def lose(self, name: str, error: Exception) -> None:
        self.lost[name] = f"{type(error).__name__}: {error}"
        del self.contenders[name], self.ends[name]
        self.candidates.remove(name)

    def compare(self, made: int) -> None:
        """Where each candidate's timed calls ended, beside the baseline's."""
        for name in self.candidates:
            pair = [self.contenders["baseline"], self.contenders[name]]
            self.ends[name].append((made, agreement(pair)))

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


def total(rounds: list[dict]) -> float:
    """Wall seconds of all blocks; an injected block holds its control's."""
    return sum(
        wall
        for r in rounds
        for name, (wall, _) in r.items()
        if not (name == "control" and "injected" in r)
    )


def measure_case(
    candidates: dict[str, Engine], case_name: str, seed: int, budget_s: float, tell: Tell
) -> dict:
    """All rounds of one case, and whether the timed calls computed the right thing."""
    baseline = baselines.load(next(iter(candidates.values())).name)
    case = baseline.cases[case_name]
    start = baseline.initial(case)
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
    rounds = Rounds(case, contenders, able, steps, random.Random(seed), tell)
    rounds.run(ROUNDS[0] if slow else ROUNDS[1], budget_s * (2 + len(able)), warm=not slow)
    for name in ("baseline", *rounds.candidates):
        rounds.audit(name)
    return told(rounds, case_name, baseline) | {"lost": lost | rounds.lost}


def told(rounds: Rounds, case_name: str, baseline: Engine) -> dict:
    """What the parent is told of a case."""
    timed = {n: c for n, c in rounds.contenders.items() if n == "baseline" or n in rounds.ends}
    steps = rounds.steps
    return {
        "case": case_name,
        "steps": steps,
        "extra": rounds.contenders["control"].extra,
        "rounds": [per_step(found, steps) for found in rounds.found],
        "warm_up": per_step(rounds.warm_up, steps),
        "ends": rounds.ends,
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


def agreement(runners: list[Contender]) -> dict[str, float]:
    """How far the candidate's timed calls ended from the baseline's, per field, largest."""
    baseline, candidate = (runner.observed() for runner in runners[:2])
    apart = {name: d.largest for name, d in errors(candidate, baseline).items()}
    for name, ours, theirs in zip(baseline._fields, candidate, baseline, strict=True):
        if name not in apart and not torch.equal(ours, theirs):
            apart[name] = float("inf")
    return apart


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
        found = quietly(
            lambda c=case, a=able: measure_case(a, c, asked["seed"], asked["budget_s"], tell)
        )
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
