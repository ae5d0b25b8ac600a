"""Whether two runs of one program agree, and what to say where they do not."""

from dataclasses import replace
from time import time

import torch

from groundspeed.baselines.foreign.numeric_leaves import same
from groundspeed.tools.create.recording import NotABaseline, Recording
from groundspeed.validation.records.codes import Code
from groundspeed.validation.reference.distance import distance

DAY_S = 86400.0


def refuse_nothing(where: str, recording: Recording, main: str = "") -> None:
    """Raise where a run left nothing that could be compared; ``main`` names a function of the
    program that does all of its work, where it has one."""
    if recording.fields:
        return
    hint = "keep one in a variable, return it, or watch a function: --watch module:function"
    if main:
        hint = f"if all is done in {main}(), name it: groundspeed create {where}::{main}"
    if recording.left_out:
        rows = [f"{name} {why}" for name, why in list(recording.left_out.items())[:6]]
        hint = f"{'; '.join(rows)}: name one with --output"
    raise NotABaseline(f"{where}: no outputs found: no array or tensor is left at the end; {hint}",
                       Code.NOTHING)  # fmt: skip


def without_seconds(first: Recording, second: Recording, wanted: tuple[str, ...] = ()) -> Recording:
    """The first recording, without fields that differ between the two as seconds of a clock do: all
    of them positive, and none longer than the run, or all of them dates of today; and without
    single numbers beside arrays that differ, such as a rate, unless one is ``wanted`` by name."""
    held = first.step["fields"] if first.step else []
    made = {f["name"] for f in held if f["how"] in ("output", "changed")}
    fields = dict(first.fields)
    arrays = any(t.ndim and same(t, second.fields.get(n, t.new_empty(0)))
                 for n, t in fields.items())  # fmt: skip
    for name, one in first.fields.items():
        other = second.fields.get(name)
        if other is None or same(one, other) or (first.step and name not in made):
            continue
        longest = 1.1 * max(first.wall_s, second.wall_s)
        if all(seconds(t, longest) for t in (one, other)) and len(fields) > 1:
            del fields[name]
            first.left_out[name] = "is another time in each run: seconds of a clock"
        elif not (first.step or one.ndim) and arrays and name not in wanted:
            del fields[name]
            first.left_out[name] = "is another number in each run"
    gone = set(first.fields) - set(fields)
    step = first.step and first.step | {"fields": [f for f in held if f["name"] not in gone]}
    windows = {call: w | {part: {n: t for n, t in w[part].items() if n not in gone}
                          for part in ("start", "fields", "seen", "tables")}
               for call, w in first.windows.items()}  # fmt: skip
    start = {n: t for n, t in first.start.items() if n not in gone}
    return replace(first, fields=fields, start=start, step=step, windows=windows)


def seconds(values: torch.Tensor, longest: float) -> bool:
    """Whether numbers may be durations within a run, or times of day."""
    if not values.is_floating_point():
        return False
    lengths = bool((values > 0).all() and (values <= longest).all())
    return lengths or bool(((values - time()).abs() < DAY_S).all())


def refuse_difference(where: str, first: Recording, second: Recording) -> None:
    """Raise where two runs with one seed did not give the same; says which and how far apart."""
    one, other = dict(first.fields), dict(second.fields)
    for fields, windows in ((one, first.windows), (other, second.windows)):
        for call, window in windows.items():
            fields |= {f"{name} after {call}": t for name, t in window["fields"].items()}
    wrong = [n for n in one if n not in other or not same(one[n], other[n])]
    if not wrong:
        return
    keep = f", or leave it out: --ignore {wrong[0]}=REASON" if len(one) > len(wrong) else ""
    raise NotABaseline(
        f"{where}: not deterministic under a fixed seed: {wrong[0]} is "
        f"{apart(one[wrong[0]], other.get(wrong[0]))}"
        f"{f' and {len(wrong) - 1} more' if len(wrong) > 1 else ''}; seed what has a "
        f"generator of its own (numpy.random.default_rng(0)){keep}",
        Code.RANDOM,
    )


def apart(one: torch.Tensor, other: torch.Tensor | None) -> str:
    """How far one is from the other, in words."""
    if other is None:
        return "not there in every run"
    if one.shape != other.shape or one.dtype != other.dtype:
        return f"{one.dtype} {tuple(one.shape)} and not {other.dtype} {tuple(other.shape)}"
    if one.is_floating_point() or one.is_complex():
        return f"{distance(one, other).largest:.3g} apart"
    return f"another in {int((one != other).sum())} of {one.numel()} values"


def refuse_other(where: str, first: Recording, other: Recording) -> None:
    """Raise where a further run has another state than the first one."""
    kinds = [{n: (t.dtype, t.ndim) for n, t in r.fields.items()} for r in (first, other)]
    rules = [[(f["name"], f["how"]) for f in r.step["fields"]] if r.step else []
             for r in (first, other)]  # fmt: skip
    for name in sorted(set(kinds[0]) ^ set(kinds[1])):
        words = "cases with the same fields; make a baseline of its own, or name --output"
        raise NotABaseline(f"{where}: {name} is not in every case; allowed: {words}", Code.CASES)
    if kinds[0] != kinds[1] or rules[0] != rules[1]:
        raise NotABaseline(f"{where}: its fields are of another type or come about otherwise than "
                           "in the first case; make a baseline of its own", Code.CASES)  # fmt: skip
