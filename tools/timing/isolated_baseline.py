"""Client of the isolated baseline: the baseline timed in a process without candidates.

Candidates share a process with the frozen engine. One that patches what that engine calls, turns
a profiler on or keeps the processor busy makes it slow, the control no less, and itself fast by
that. Here is the parent's side of a second process: after a round the worker waits for a word, and
for as many rounds as were drawn the frozen engine makes the same steps over there before the word
is given. The worker cannot tell how many.
"""

import random

from groundspeed.tools.process import Died, Worker


class IsolatedBaseline:
    """Turn about with the rounds of a worker, or of one after another; a process of its own from
    the first `follow` to `close`."""

    def __init__(self, engine: str):
        self.engine, self.draw = engine, random.Random()
        self.process: Worker | None = None

    def follow(self, worker: int) -> None:
        """The process of that number is the one whose rounds are told from now on."""
        self.worker = worker
        if self.process is None:  # while it starts: both import torch
            self.process = Worker("groundspeed.tools.timing.isolated_baseline_worker", self.engine)

    def begin(self, message: dict) -> None:
        """A case: its steps a block, and how many rounds it has at least and at most."""
        least, most = message["rounds"]
        slow = least == most
        self.left = self.draw.randint(least, min(most, 2 * least))
        self.own: list[tuple[float, float]] = []
        self.ask(message | {"alone": slow})

    def restart(self, seed: int) -> None:
        """A pass begins."""
        if self.left:
            self.ask({"fresh": seed})

    def round_over(self) -> None:
        """The worker has made a round and waits: the same steps from the same state, over there."""
        if self.left:
            self.left -= 1
            self.own.append(tuple(self.ask({"beside": self.worker})))

    def end(self, rounds: list[dict]) -> list[list[float]]:
        """The worker's block over its own, of each round that was followed: [wall, processor]."""
        there = [found["baseline"] for found in rounds[: len(self.own)]]
        return [
            [float(f"{one / max(other, 1e-12):.4g}") for one, other in pairs]
            for pairs in (zip(*both, strict=True) for both in zip(there, self.own, strict=True))
        ]

    def ask(self, request: dict):
        """One request, one answer.

        Raises:
            RuntimeError: it has ended.
        """
        try:
            return self.process.ask(request)
        except Died as why:
            raise RuntimeError(f"the isolated baseline of {self.engine} {why}") from None

    def close(self) -> None:
        """End the process, if one was started."""
        if self.process:
            self.process.close()
