"""Client of the isolated baseline: the baseline timed in a process without candidates.

Candidates share a process with the frozen engine. One that patches what that engine calls, turns
a profiler on or keeps the processor busy makes it slow, the control no less, and itself fast by
that. Here is the parent's side of a second process: after a round the worker waits for a word, and
for as many rounds as were drawn the frozen engine makes the same steps over there before the word
is given. The worker cannot tell how many.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from contextlib import suppress

from tools.process import environment
from validation.records import digests


class Witness:
    """Turn about with the rounds of a worker; a process of its own from `follow` to `close`."""

    def __init__(self, engine: str):
        self.engine, self.draw = engine, random.Random()
        self.process: subprocess.Popen | None = None

    def follow(self, worker: int) -> None:
        """The process of that number is the one whose rounds are told from now on."""
        self.worker = worker
        if self.process is None:  # while the worker starts: both import torch
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tools.timing.isolated_baseline_worker", self.engine],
                cwd=digests.ROOT,
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )

    def begin(self, said: dict) -> None:
        """A case: its steps a block, and how many rounds it has at least and at most."""
        least, most = said["rounds"]
        slow = least == most
        self.steps, self.left = said["steps"], self.draw.randint(1 if slow else least, most)
        self.own: list[tuple[float, float]] = []
        self.ask(said | {"alone": slow})

    def round_over(self) -> None:
        """The worker has made a round and waits: the same steps from the same state, over there."""
        if self.left:
            self.left -= 1
            self.own.append(tuple(self.ask({"beside": self.worker})))

    def end(self, rounds: list[dict]) -> list[list[float]]:
        """The worker's over the witness's, of each round that was followed: [wall, processor]."""
        there = [found["baseline"] for found in rounds[: len(self.own)]]
        return [
            [float(f"{one * self.steps / max(other, 1e-12):.4g}") for one, other in pairs]
            for pairs in (zip(*both, strict=True) for both in zip(there, self.own, strict=True))
        ]

    def ask(self, request: dict):
        """One request, one answer.

        Raises:
            RuntimeError: it has ended; what it said of that has gone to standard error.
        """
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        if line := self.process.stdout.readline():
            return json.loads(line)
        raise RuntimeError(f"the witness of {self.engine} ended with {self.process.wait()}")

    def close(self) -> None:
        """End the process, if one was started."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        with suppress(OSError):
            self.process.stdin.close()
        self.process = None
