"""Runs a new baseline from its frozen copies, compares, and freezes it.

Started by `tools.create.command` in a copy of the harness that holds nothing but the new baseline.
Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import torch

import baselines
from baselines.engine import Engine, State, clone, fields
from baselines.foreign.numeric_leaves import same
from validation.golden import freeze
from validation.reference.distance import distance


def rehearse(name: str, seen: dict[str, torch.Tensor]) -> dict[str, str]:
    """{"error": why it is no baseline}, or nothing."""
    engine = baselines.load(name)
    case_name, case = next(iter(engine.cases.items()))
    start = engine.initial(case)
    end = engine.runner(case)(start, case.steps)
    for field, now in fields(end).items():
        if field in seen and not same(now, seen[field]):
            return {"error": f"run from its frozen copies it gives another {field} ("
                             f"{apart(now, seen[field])}): it rests on something that is not among "
                             "them; name it with --with FILE"}  # fmt: skip
    return hidden(engine, case, start, end)


def hidden(engine: Engine, case, start: State, end: State) -> dict[str, str]:
    """Whether the step keeps anything that its state does not say: from the start, and on the way.

    A run that is stopped halfway and goes on from the state seen there must end the same.
    """
    step, half = engine.prepare(case), case.steps // 2
    middle = advanced(engine, case, step, start, half)
    for begin, count in ((start, case.steps), (middle, case.steps - half)):
        again = advanced(engine, case, step, begin, count)
        for field, now in fields(again).items():
            if not same(now, fields(end)[field]):
                return {"error": f"started again from a state of its own it gives another {field} ("
                                 f"{apart(now, fields(end)[field])}): it remembers something that "
                                 "is no array it can be asked for; leave out --step, or name a "
                                 "function that is given all it needs"}  # fmt: skip
    return {}


def advanced(engine: Engine, case, step, begin: State, steps: int) -> State:
    working = engine.adopt(case, clone(begin))
    for _ in range(steps):
        working = step(working)
    return engine.observe(case, working)


def apart(one: torch.Tensor, other: torch.Tensor) -> str:
    """How far, in words."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return f"{one.dtype} {tuple(one.shape)} and not {other.dtype} {tuple(other.shape)}"
    if one.is_floating_point() or one.is_complex():
        return f"{distance(one, other).largest:.3g} apart"
    return "other whole numbers"


def main() -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    name, seen = sys.argv[1], torch.load(Path(sys.argv[2]), weights_only=True)
    try:
        found = rehearse(name, seen)
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        found = {"error": f"run from its frozen copies it fails: {type(error).__name__}: "
                          f"{lines[0][:300]}; a file it reads may not have been seen: name it with "
                          "--with FILE"}  # fmt: skip
    if not found:
        freeze.freeze(name)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
