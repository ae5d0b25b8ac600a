"""Resource usage of a region: clocks, I/O, faults, waiting, memory."""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress
from pathlib import Path
from time import perf_counter, process_time

SELF = Path("/proc/self")


class Region:
    """Differences between entering and leaving; reads two small files, starts no thread."""

    def __enter__(self) -> Region:
        with suppress(OSError):  # then the peak is that of the whole process
            (SELF / "clear_refs").write_text("5")
        self.before = snapshot()
        self.cpu, self.start = process_time(), perf_counter()
        return self

    def __exit__(self, *_) -> None:
        self.end, cpu = perf_counter(), process_time()
        after, again = snapshot(), snapshot()
        self.found = {key: after[key] - value for key, value in self.before.items()}
        for key in (k for k in self.found if k.startswith("io_")):
            self.found[key] -= again[key] - after[key]  # what taking a snapshot adds
        self.found |= {
            "start": self.start,
            "end": self.end,
            "wall_s": self.end - self.start,
            "cpu_s": cpu - self.cpu,
            "threads": len(os.listdir("/proc/self/task")) if SELF.exists() else 1,
            "peak_rss": peak_rss(),
        }


def snapshot() -> dict[str, float]:
    """Counters that only grow; those that the system does not keep are left out."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = {
        "minor_faults": usage.ru_minflt,
        "voluntary_switches": usage.ru_nvcsw,
        "children_cpu_s": children.ru_utime + children.ru_stime,
    }
    try:
        on, waiting, _ = map(int, (SELF / "schedstat").read_text().split())
        found |= {"main_on_cpu_s": on / 1e9, "run_queue_s": waiting / 1e9}
        pairs = (line.split(": ") for line in (SELF / "io").read_text().splitlines())
        found |= {f"io_{key}": int(value) for key, value in pairs}
    except (OSError, ValueError):
        pass  # not Linux, or not allowed
    return found


def peak_rss() -> int | None:
    """Bytes of VmHWM; where the system has no /proc, of the whole process."""
    try:
        lines = (SELF / "status").read_text().splitlines()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024)
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), None)
