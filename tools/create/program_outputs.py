"""Outputs of a run: the numbers that are compared, or the rule of its step."""

from __future__ import annotations

import torch

from baselines.foreign import numeric_leaves, outputs
from tools.create import step_capture


def stepped(name: str, step) -> tuple[dict, dict]:
    """The rule of a step function, as plain data, and its numbers."""
    if not step.calls:
        return {"error": f"the program never calls {name} from Python"}, {"fields": {}}
    try:
        found = step_capture.rule(step)
    except ValueError as error:
        return {"error": str(error)}, {"fields": {}}
    told = {
        "name": name,
        "fields": found.fields,
        "scheduled": found.scheduled,
        "random": step.random,
        "steps": found.steps,
        "fixed": found.fixed,
        "left_out": found.left_out,
        "calls": step.count,
        "call_s": sorted(c.seconds for c in step.calls)[len(step.calls) // 2],
    }
    return told, {"fields": found.end, "start": found.start, "tables": found.tables}


def gathered(left: dict, watches: dict, wanted: list[str]) -> tuple[dict, dict]:
    """What a whole run left: the numbers asked for, or else all arrays, or else all floats."""
    found = outputs.outputs(left, watches.values())
    if wanted:
        absent = [w for w in wanted if not any(n == w or n.startswith(f"{w}_") for n in found)]
        if absent:
            return {"error": f"the run leaves no number {absent[0]!r}; it leaves "
                             f"{sorted(found)[:12]}"}, {}  # fmt: skip
        chosen = {n: v for n, v in found.items()
                  if any(n == w or n.startswith(f"{w}_") for w in wanted)}  # fmt: skip
    elif watches:
        chosen = {n: v for w in watches.values() for n, v in w.stacked().items()}
    else:
        chosen = plain_outputs(left)
    tensors = {
        n: v if isinstance(v, torch.Tensor) else numeric_leaves.tensor(v) for n, v in chosen.items()
    }
    tensors = {n: numeric_leaves.tensor(t) for n, t in tensors.items()}
    bad = [n for n, t in tensors.items() if not torch.isfinite(t).all()]
    good = {n: t for n, t in tensors.items() if n not in bad and t.numel()}
    return {"not_finite": bad, "others": sorted(set(found) - set(good))[:12]}, good


def plain_outputs(left: dict) -> dict:
    """Arrays that variables hold, else those inside objects, else floats; nothing private."""
    rows = [
        (outputs.field_name(place), place, value)
        for key, held in left.items()
        for place, value in numeric_leaves.numbers(held, (("item", key),))
        if not any(str(k).startswith("_") for _, k in place)
    ]
    large = [r for r in rows if not isinstance(r[2], bool | int | float | complex)]
    flat = [r for r in large if all(how == "item" for how, _ in r[1])]
    chosen = flat or large or [r for r in rows if isinstance(r[2], float | complex)]
    return {name: value for name, _, value in chosen}
