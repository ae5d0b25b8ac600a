"""Load of the machine during a measurement, and waiting for a quiet moment."""

import os
import time
from collections.abc import Callable

import psutil

from groundspeed.tools.records.conditions import Beside

SAMPLE_S = 0.5
WAIT_S = float(os.environ.get("GROUNDSPEED_WAIT_S", "10"))  # at most, before a measurement


def sample(seconds: float = SAMPLE_S) -> Beside:
    """The machine over the next ``seconds``, while we sleep."""
    cores = os.cpu_count() or 1
    before, spent_before = psutil.cpu_times(), spent()
    time.sleep(seconds)
    after, spent_after = psutil.cpu_times(), spent()
    passed = max(1e-9, sum(after) - sum(before))
    resting = sum(getattr(after, k, 0) - getattr(before, k, 0) for k in ("idle", "iowait"))
    stolen = getattr(after, "steal", 0) - getattr(before, "steal", 0)
    active = [p for p, s in spent_after.items() if s - spent_before.get(p, s) > seconds / 10]
    return Beside(
        busy=round(cores * max(0.0, 1 - (resting + stolen) / passed), 2),
        steal=round(stolen / passed, 3),
        others=len([p for p in active if p != os.getpid()]),
        load=round(os.getloadavg()[0], 2),
    )


def spent() -> dict[int, float]:
    """Processor seconds of every process."""
    readable = [p for p in psutil.process_iter(["cpu_times"]) if p.info["cpu_times"]]
    return {p.pid: sum(p.info["cpu_times"][:2]) for p in readable}


def wait_for_quiet(
    patience_s: float = WAIT_S,
    tell: Callable[[str], None] = lambda line: None,
    look: Callable[[], Beside] = sample,
    clock: Callable[[], float] = time.monotonic,
) -> Beside:
    """The machine once it is quiet, or as it is when the patience is spent, with a word."""
    began = clock()
    while True:
        found = look()
        found.waited_s = round(clock() - began, 1)
        if found.quiet:
            return found
        if found.waited_s >= patience_s:
            tell(f"the machine is not quiet ({found}): intervals will be wide")
            return found
        tell(f"waiting for a quiet machine: {found}")
