"""torch.profiler: a Chrome trace, and the time of each operator."""

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch.profiler import profile
from torch.utils._python_dispatch import TorchDispatchMode

MOST = 20_000  # operators in a trace; a browser still opens it


class Window(TorchDispatchMode):
    """Lets the profiler see ``MOST`` operators from the ``first`` on."""

    def __init__(self, profiler: profile, first: int):
        super().__init__()
        self.profiler, self.first, self.last, self.at = profiler, first, first + MOST, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if self.at == self.first:
            self.profiler.start()
        self.at += 1
        out = func(*args, **(kwargs or {}))
        if self.at == self.last:
            self.profiler.stop()
        return out


@contextmanager
def recorded(file: Path, total: int) -> Iterator[None]:
    """A trace of a run; of its middle where ``total`` operators are too many."""
    profiler = profile()  # of the CPU, and of a GPU that is there
    if total <= MOST:
        with profiler:
            yield
    else:
        window = Window(profiler, (total - MOST) // 2)
        with window:
            yield
        if window.at <= window.first:
            raise RuntimeError(f"the run made {window.at} operators, {total} were expected")
        if window.at < window.last:
            profiler.stop()
    plain = file.with_suffix("")  # the exporter appends to what it compresses
    profiler.export_chrome_trace(str(plain))
    with gzip.open(file, "wb", compresslevel=5) as packed:
        packed.write(plain.read_bytes())
    plain.unlink()


def read(file: Path, operators: set[str], total: int) -> dict:
    """Seconds in each operator, inner ones of an operator counted with it."""
    with gzip.open(file, "rb") as packed:
        events = json.load(packed)["traceEvents"]
    done = [e for e in events if e.get("ph") == "X" and "dur" in e]
    calls: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])
    until: dict[object, float] = {}
    asked = [e for e in done if e.get("cat") == "cpu_op"]
    for event in sorted(asked, key=lambda e: (e["ts"], -e["dur"])):
        name = event["name"].removeprefix("aten::")
        if event["ts"] < until.get(event["tid"], -1) or name not in operators:
            continue
        until[event["tid"]] = event["ts"] + event["dur"]
        calls[name][0] += 1
        calls[name][1] += event["dur"] / 1e6
    ends = [e["ts"] + e["dur"] for e in done]
    kernels = [e for e in done if e.get("cat") == "kernel"]
    return {
        "operators": {name: list(row) for name, row in calls.items()},
        "whole": total <= MOST,
        "wall_s": (max(ends) - min(e["ts"] for e in done)) / 1e6 if done else 0.0,
        "kernel_s": union([(e["ts"], e["ts"] + e["dur"]) for e in kernels]) / 1e6,
    }


def union(spans: list[tuple[float, float]]) -> float:
    """Length that the intervals cover together."""
    covered, end = 0.0, float("-inf")
    for first, last in sorted(spans):
        covered += max(0.0, last - max(first, end))
        end = max(end, last)
    return covered
