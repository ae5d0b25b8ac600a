"""Process of the isolated baseline.

    python -m groundspeed.tools.timing.isolated_baseline_worker ENGINE

Reads requests, one JSON object a line, and answers likewise: a case as the worker tells it, then
its rounds one by one. A block is made on the processor that the worker has just left, since those
of a shared machine differ in speed for seconds at a time. It starts with the code warm and the
caches cold: candidates go through more memory than the frozen engine or less, and what their
blocks leave in the caches is no fault of theirs, so the coldest start is what they are held to.
"""

import os
import sys

import psutil
import torch

from groundspeed import baselines
from groundspeed.baselines.device import on_device
from groundspeed.tools.process import serve
from groundspeed.tools.timing.runners import Runner, Starts, Stream, collect

COLD_BYTES = 1 << 26  # gone through: what was in the caches is no longer there


class Turns:
    """The rounds of one case after the other, as far as the frozen engine has a part in them."""

    def __init__(self, engine: str):
        self.frozen = baselines.load(engine)

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
        """A case as the worker tells it; of slow steps nobody cares who came before."""
        self.baseline = self.warming = None  # their memory, before the next takes its own
        collect()
        device = message["device"]
        engine = self.frozen if device == "cpu" else on_device(self.frozen, device)
        case = engine.cases[message["frozen"]]
        self.steps, self.starts = message["steps"], Starts(self.frozen, case)
        self.baseline = Runner(engine, case, self.starts.own, cold=message["alone"])
        if not message["alone"]:
            self.warming = Runner(engine, case, self.starts.own, cold=True)
            self.memory = Stream(torch.zeros(COLD_BYTES // 16, dtype=torch.float64), device)

    def restart(self, seed: int) -> None:
        """A pass begins, with the start that the worker has too."""
        start = self.starts.fresh(seed)
        for runner in filter(None, (self.baseline, self.warming)):
            runner.restart(start)

    def block(self) -> tuple[float, float]:
        """The next steps."""
        if self.warming:
            self.warming.make(self.steps)
            self.memory.make(1)
        return self.baseline.make(self.steps)


def to_the_processor_of(process: int) -> None:
    """This thread goes where that process last ran, if the system lets it choose."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {psutil.Process(process).cpu_num()})


if __name__ == "__main__":
    serve(Turns(sys.argv[1]).answer)
