"""Client of the warm timing process. Imports no torch: the process starts before that does."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress

from groundspeed.tools.process import Died, Worker


class TimingServer(Worker):
    """`tools.tryout.timing_server`: a warm process that forks one for each timing."""

    def __init__(self, patience_s: float):
        super().__init__("groundspeed.tools.tryout.timing_server", patience_s=patience_s)
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
        """End the server and what it forked; again does nothing."""
        if not self.log.closed:
            with suppress(ProcessLookupError):  # it has not become the leader of its group yet
                os.killpg(self.process.pid, signal.SIGKILL)
            super().close()

    def messages(self) -> Iterator[tuple[float, dict]]:
        """What the forked process says until it ends, with the clock when it came.

        Raises:
            Died: it ended with an error, or fell silent.
        """
        for now, message in self.answers:
            if "child" in message:
                self.child = message["child"]
            elif "ended" not in message:
                yield now, message
            else:
                self.child = 0
                if code := message["ended"]:
                    raise Died(f"ended with {code}: {self.last_line}")
                return
