"""The frozen engine where no candidate ever was, beside the one that candidates are timed with.

Candidates share a process with the frozen engine. One that patches what that engine calls, turns
a profiler on or keeps the processor busy makes it slow, the control no less, and itself fast by
that. The parent's process never ran a line of a candidate: after a round the worker waits for a
word, and for as many rounds as were drawn the frozen engine makes the same steps here before the
word is given. The worker cannot tell how many.
"""

from __future__ import annotations

import gc
import random

import torch

import baselines
from baselines.device import on_device
from tools.contenders import Contender
from tools.phases import start_of_pass


class Witness:
    """The frozen engine in this process, turn about with the rounds of a worker."""

    def __init__(self, engine: str):
        self.engine, self.draw = engine, random.Random()

    def begin(self, said: dict) -> None:
        """A case: its steps a block, and how many rounds it has at least and at most."""
        torch.set_num_threads(1)
        engine = self.frozen = baselines.load(self.engine)
        if said["device"] != "cpu":
            engine = on_device(engine, said["device"])
        case, (least, most) = engine.cases[said["frozen"]], said["rounds"]
        self.level, self.steps, self.start = said["level"], said["steps"], engine.initial(case)
        slow = least == most
        self.contender = Contender(engine, case, self.start, cold=slow)
        self.warming = None if slow else Contender(engine, case, self.start, cold=True)
        self.left = self.draw.randint(1 if slow else least, most)
        self.own: list[tuple[float, float]] = []
        self.number = self.made = 0

    def round_over(self) -> None:
        """The worker has made a round and waits: the same steps from the same state, here."""
        if self.left == 0:
            return
        self.left -= 1
        if not self.own or self.made + self.steps > self.contender.case.steps:
            first = start_of_pass(self.frozen, self.start, self.level, self.number)
            self.contender.restart(first)
            self.number, self.made = self.number + 1, 0
        if self.warming:  # over there blocks follow one another; here the processor has waited
            self.warming.restart()
            self.warming.make(1)
        collecting = gc.isenabled()
        gc.disable()
        self.own.append(self.contender.make(self.steps))
        if collecting:
            gc.enable()
        self.made += self.steps

    def end(self, rounds: list[dict]) -> list[list[float]]:
        """There over here, of each round that was followed: [wall, processor]."""
        del self.contender, self.warming, self.start
        there = [found["baseline"] for found in rounds[: len(self.own)]]
        return [
            [float(f"{one * self.steps / max(other, 1e-12):.4g}") for one, other in pairs]
            for pairs in (zip(*both, strict=True) for both in zip(there, self.own, strict=True))
        ]
