"""Minimum traffic and arithmetic of a step: the reference for distances to a limit."""

import torch

from groundspeed.baselines.engine import Engine, clone
from groundspeed.tools.costs import dispatch_counter
from groundspeed.validation.records import digests


def least_bytes(engine: Engine, case_name: str) -> int:
    """Bytes that a step of the case moves at the least.

    As the engine declares it. Where it does not, the compulsory traffic of the frozen step:
    each array that was there before is read once, as far as any one operator reads of it, and
    each element of the state that comes out changed is written once.
    """
    case = engine.cases[case_name]
    if engine.least_bytes is not None:
        return engine.least_bytes(case)
    start = engine.initial(case)
    _, counter = dispatch_counter.counted(engine, case, calls=1)
    after = engine.runner(case)(clone(start), 1)
    return sum(counter.taken.values()) + sum(
        changed(a, b) for a, b in zip(start, after, strict=True)
    )


def changed(before: torch.Tensor, after: torch.Tensor) -> int:
    """Bytes of the elements that differ in any bit."""
    if before.shape != after.shape or before.dtype != after.dtype:
        return after.numel() * after.element_size()
    width = after.element_size()
    differ = digests.bits(before) != digests.bits(after)
    return int(differ.reshape(-1, width).any(1).sum()) * width if after.numel() else 0


def working_set(engine: Engine, case_name: str) -> int:
    """Bytes of the state that a step works on: it decides which memory is the limit."""
    case = engine.cases[case_name]
    return sum(t.numel() * t.element_size() for t in engine.initial(case))
