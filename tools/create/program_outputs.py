"""Outputs of a whole run: the numbers that are compared."""

from collections.abc import Collection, Mapping
from typing import Any

import torch

from baselines.foreign import numeric_leaves
from baselines.foreign.outputs import CallWatch, numbers_left, outputs, public
from baselines.foreign.sandbox import Broken


def chosen(
    left: Mapping[str, Any], watches: Collection[CallWatch], wanted: Collection[str]
) -> dict:
    """The numbers asked for, or those of watched calls, or else all arrays, or else all floats.

    Raises:
        Broken: the run leaves no number of a name that was asked for.
    """
    found = outputs(left, watches)
    if wanted:
        named = {n: v for n, v in found.items() if any(starts(n, w) for w in wanted)}
        for name in wanted:
            if not any(starts(n, name) for n in named):
                raise Broken(f"the run leaves no number {name!r}; it leaves {sorted(found)[:12]}")
    elif watches:
        named = {n: v for w in watches for n, v in w.stacked().items()}
    else:
        named = plain_outputs(left)
    tensors = {n: numeric_leaves.tensor(v) for n, v in named.items()}
    not_finite = [n for n, t in tensors.items() if not torch.isfinite(t).all()]
    fields = {n: t for n, t in tensors.items() if n not in not_finite and t.numel()}
    others = sorted(set(found) - set(fields))[:12]
    return {"step": None, "fields": fields, "start": {}, "tables": {},
            "not_finite": not_finite, "others": others}  # fmt: skip


def starts(name: str, wanted: str) -> bool:
    """Whether a number is the one asked for, or lies inside of it."""
    return f"{name}_".startswith(f"{wanted}_")


def plain_outputs(left: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays that variables hold, else those inside objects, else floats; nothing private."""
    found = {name: row for name, row in numbers_left(left).items() if public(row[0])}
    scalar = bool | int | float | complex
    large = {name: value for name, (_, value) in found.items() if not isinstance(value, scalar)}
    flat = [name for name in large if all(how == "item" for how, _ in found[name][0])]
    floats = {n: value for n, (_, value) in found.items() if isinstance(value, float | complex)}
    return {name: large[name] for name in flat} or large or floats
