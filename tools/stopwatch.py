"""One process of a measurement: baseline, candidate and controls, turn about.

    python -m tools.stopwatch NAME SEED BUDGET_S LEVEL FOLDER CASE [CASE ...]

In every round each contender makes the same number of steps of the same trajectory, in
random order, and each block is timed by wall clock and by processor time. Contenders:

    baseline   the frozen engine
    candidate  the optimization
    control    the frozen engine once more (A/A): whatever ratio it shows is noise
    stream     a = b − a in place over arrays of the state's size: the machine's limit

What the candidate's timed calls computed is noted after each block, outside the window, and
kept whole in FOLDER for two of them: see `tools.phases`. Prints one JSON object a case.
`tools.clock` starts these, draws the conclusions and holds what was computed to the truth.
"""

from __future__ import annotations

import gc
import json
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

BLOCK_S = 1e-3  # a block is at least as long, where the trajectory has the steps for it
ROUNDS = (3, 40)  # at least, at most
SLOW_S = 0.05  # a first call below this is followed by a second before the first round


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

    def observed(self) -> tuple[State, float]:
        """The canonical state, and the wall seconds that it took to give it."""
        before = perf_counter()
        state = self.engine.observe(self.case, self.state)
        return state, perf_counter() - before


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


def measure_case(
    candidate: Engine, case_name: str, seed: int, budget_s: float, level: str, folder: Path
) -> dict:
    """All rounds of one case, and what the candidate's timed calls computed."""
    baseline = baselines.load(candidate.name)
    case = baseline.cases[case_name]
    start = baseline.initial(case)
    contenders: dict[str, Contender | Stream] = {
        "baseline": Contender(baseline, case, start),
        "candidate": Contender(candidate, case, start),
        "control": Contender(baseline, case, start),
        "stream": Stream(max(start, key=lambda t: t.numel() * t.element_size())),
    }
    runners = [c for c in contenders.values() if isinstance(c, Contender)]
    steps = block_length(contenders["baseline"], case, candidate.stride)
    candidates, rng = contenders["candidate"], random.Random(seed)
    trail, made, rounds, observing = Trail(baseline, start, level, seed), case.steps, [], []
    before, began = settings(), perf_counter()
    while len(rounds) < ROUNDS[0] or (
        len(rounds) < ROUNDS[1] and perf_counter() - began < budget_s
    ):
        if made + steps > case.steps:
            made, fresh = 0, trail.begin()
            for runner in runners:
                runner.restart(fresh)
            at_rest = candidates.observed()[1]
        rounds.append(one_round(contenders, steps, rng))
        made += steps
        state, took = candidates.observed()
        observing.append(took - at_rest)
        trail.note(made, state)
    trail.keep("last", made, state)
    changed = [key for key, value in settings().items() if value != before[key]]
    return {
        "case": case_name,
        "steps": steps,
        "stride": candidate.stride,
        "rounds": rounds,
        **trail.save(folder, case_name),
        "observing_s": sorted(observing)[len(observing) // 2],
        "changed": changed,
        "first_call_s": {
            k: c.first_call_s for k, c in contenders.items() if isinstance(c, Contender)
        },
        "peak_bytes": {
            k: working_memory(c) for k, c in contenders.items() if isinstance(c, Contender)
        },
        "stream_bytes": contenders["stream"].bytes,
        "least_bytes": baseline.least_bytes(case) if baseline.least_bytes else None,
    }


def block_length(baseline: Contender, case: Case, stride: int) -> int:
    """Steps a block: enough for the clock, and no more than the trajectory has."""
    wanted = max(1, round(BLOCK_S / max(baseline.once_s, 1e-7)))
    blocks = max(1, min(wanted, case.steps) // stride)
    return blocks * stride


def one_round(contenders: dict, steps: int, rng: random.Random) -> dict[str, list[float]]:
    """Seconds per step of each contender: [wall, processor]."""
    order = list(contenders)
    rng.shuffle(order)
    found = {}
    for name in order:
        wall, cpu = contenders[name].make(steps)
        found[name] = [float(f"{t / steps:.5g}") for t in (wall, cpu)]
    return found


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


def main() -> None:
    name, seed, budget_s, level, folder, *cases = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the candidate prints must not look like an answer
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    candidate = leaves.engine(name)
    for case in cases:

        def measure(case=case):
            return measure_case(candidate, case, int(seed), float(budget_s), level, Path(folder))

        print(json.dumps(quietly(measure)), file=answers, flush=True)


if __name__ == "__main__":
    main()
