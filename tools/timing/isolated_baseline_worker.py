"""Process of the isolated baseline.

    python -m groundspeed.tools.timing.isolated_baseline_worker ENGINE

Reads requests, one JSON object a line, and answers likewise: a case as the worker tells it, then
its rounds one by one. A block is made on the processor that the worker has just left, since those
of a shared machine differ in speed for seconds at a time. It starts with the code warm and the
caches cold: candidates go through more memory than the frozen engine or less, and what their
blocks leave in the caches is no fault of theirs, so the coldest start is what they are held to.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import psutil
import torch

from groundspeed import baselines
from groundspeed.baselines.device import on_device
from groundspeed.tools.process import serve
from groundspeed.tools.timing.runners import Runner, Starts, Stream, collect

COLD_BYTES = 1 << 26  # gone through: what was in the caches is no longer there


@dataclass
class Prepared:
    """The frozen engine on a case: the one that is timed, and what makes its code warm and the
    caches cold."""

    starts: Starts
    baseline: Runner
    warming: Runner | None = None
    memory: Stream | None = None


class Turns:
    """The rounds of one case after the other, as far as the frozen engine has a part in them."""

    def __init__(self, engine: str):
        self.frozen = baselines.load(engine)
        self.ready: dict[str, Prepared] = {}  # by case
        self.now: Prepared | None = None

    def answer(self, request: dict) -> tuple[float, float] | None:
        """A case and a pass have an answer when they are ready, a round has wall and processor
        seconds."""
        if "frozen" in request:
            return self.begin(request)
        if "fresh" in request:
            return self.restart(request["fresh"])
        to_the_processor_of(request["beside"])
        return self.block()

    def begin(self, message: dict) -> None:
        """A case as the worker tells it; one of short steps is prepared once."""
        self.now = None  # its memory, before the next takes its own
        collect()
        self.steps, name = message["steps"], message["frozen"]
        self.now = self.ready.get(name) or self.prepared(name, message["device"], message["alone"])
        if self.now.warming:
            self.ready[name] = self.now

    def prepared(self, name: str, device: str, slow: bool) -> Prepared:
        """Of slow steps nobody cares who came before."""
        engine = self.frozen if device == "cpu" else on_device(self.frozen, device)
        case = engine.cases[name]
        starts = Starts(self.frozen, case)
        baseline = Runner(engine, case, starts.own, cold=slow)
        if slow:
            return Prepared(starts, baseline)
        memory = Stream(torch.zeros(COLD_BYTES // 16, dtype=torch.float64), device)
        return Prepared(starts, baseline, Runner(engine, case, starts.own, cold=True), memory)

    def restart(self, seed: int) -> None:
        """A pass begins, with the start that the worker has too."""
        start = self.now.starts.fresh(seed)
        for runner in filter(None, (self.now.baseline, self.now.warming)):
            runner.restart(start)

    def block(self) -> tuple[float, float]:
        """The next steps."""
        if self.now.warming:
            self.now.warming.make(self.steps)
            self.now.memory.make(1)
        return self.now.baseline.make(self.steps)


def to_the_processor_of(process: int) -> None:
    """This thread goes where that process last ran, if the system lets it choose."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {psutil.Process(process).cpu_num()})


if __name__ == "__main__":
    serve(Turns(sys.argv[1]).answer)
