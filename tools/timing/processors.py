"""Processor time of a block: of this process, or of the busiest that works for it.

An engine over ranks works in processes that it has started. Its step takes as long as the slowest
rank on the wall clock; on the other clock it is the rank that worked most. A process that waits
uses none, so time of rank 0 alone would say that an engine is fast because others do its work.
"""

import os
import sys
from time import clock_gettime, process_time

import psutil

from groundspeed.baselines.engine import Engine

PROCESS_CLOCK = 2  # of Linux: the processor time of a whole process, by its number


def workers(engine: Engine) -> list[int]:
    """Processes that this one has started, where the engine works over ranks."""
    over_ranks = any(need.startswith("ranks:") for need in engine.needs)
    if not over_ranks or sys.platform != "linux":
        return []
    return [child.pid for child in psutil.Process(os.getpid()).children(recursive=True)]


def seconds(others: list[int]) -> list[float]:
    """Processor seconds so far: of this process, then of the others.

    Raises:
        OSError: one of them has ended.
    """
    return [process_time(), *(clock_gettime((~pid << 3) | PROCESS_CLOCK) for pid in others)]


def since(before: list[float], others: list[int]) -> float:
    """Of the one that has used most since."""
    return max(b - a for a, b in zip(before, seconds(others), strict=True))
