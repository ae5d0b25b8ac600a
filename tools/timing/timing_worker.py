"""Process that forks the timing processes. Imports no torch: it starts before that does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress

from groundspeed.tools.process import PATIENCE_S, Died, Worker

MODULE = "groundspeed.tools.timing.worker"


class TimingWorker(Worker):
    """`tools.timing.worker`, warm from one request to the next.

    Args:
        modules: what it imports at once, which candidates need and take long to import.
    """

    def __init__(self, modules: Iterable[str] = (), patience_s: float = PATIENCE_S):
        super().__init__(MODULE, *modules, patience_s=patience_s)
        self.child = 0  # process that is timing

    def stop(self) -> None:
        """End the process that is timing, whatever it is at."""
        if child := self.child:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    @property
    def lost(self) -> bool:
        """Whether it has ended, or waits for a process that does not."""
        return bool(self.child) or self.process.poll() is not None

    def close(self) -> None:
        """End the worker and what it forked; again does nothing."""
        if not self.log.closed:
            with suppress(ProcessLookupError):  # it has not become the leader of its group yet
                os.killpg(self.process.pid, signal.SIGKILL)
            super().close()

    def messages(self) -> Iterator[tuple[float, dict]]:
        """What the processes of one request say until they end, with the clock when it came.

        Raises:
            Died: one ended with an error, or fell silent.
        """
        for now, message in self.answers:
            if "ended" in message:
                self.child = 0
                if code := message["ended"]:
                    raise Died(f"ended with {code}: {self.last_line}")
                return
            self.child = message.get("child", self.child)
            yield now, message
        raise Died(f"ended without an answer: {self.last_line}")
