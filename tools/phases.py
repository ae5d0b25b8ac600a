"""No phase goes unwatched: what timed calls leave behind, and the frozen engine's word on it.

The timing process notes a fingerprint after every block of timed calls, outside the timed
window, and keeps whole the state after a block drawn at random and after the last. The parent
runs the frozen engine over the same passes and compares: the candidate's process holds no
answer, and says nothing about its own that is not held against one.

Every pass starts from fresh values at fresh addresses, so that nothing remembered serves.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

import torch

import baselines
from baselines.engine import Case, Engine, State, Step, clone, fields
from validation import tensors
from validation.bench import SLACK
from validation.errors import ZERO, Distance, distance, least, widest
from validation.findings import exact_distance, misfit
from validation.seal import manifest
from validation.trajectory import checkpoints
from validation.verdicts import Verdict

KEPT_BYTES = 1 << 30  # of the frozen engine's states on a case, for the next timing process
CELLS = 16  # values shown of each field in a fingerprint

Fingerprint = dict[str, dict]


def start_of_pass(engine: Engine, start: State, level: str, number: int) -> State:
    """The start of that pass: values moved by at most one unit in the last place, new memory.

    Fields that the engine lists as fixed keep their values, and so does everything where a
    decision may turn on the last place: claims weaker than "exact" on engines that decide.
    """
    fresh = clone(start)
    decides = any(
        not (f.is_floating_point() or f.is_complex()) and name not in engine.fixed
        for name, f in fields(start).items()
    )
    if number == 0 or (decides and level != "exact"):
        return fresh
    generator = torch.Generator("cpu").manual_seed(number)
    for name, field in fields(fresh).items():
        if name not in engine.fixed and field.numel():
            nudge(field, generator)
    return fresh


def nudge(field: torch.Tensor, generator: torch.Generator) -> None:
    """Multiply by 1 − ε, 1 or 1 + ε at random, in place; whole numbers stay."""
    if field.is_complex():
        field = torch.view_as_real(field)
    if field.is_floating_point():
        moves = torch.randint(-1, 2, field.shape, generator=generator).to(field.dtype)
        field.mul_(1 + moves * torch.finfo(field.dtype).eps)


def fingerprint(state: State) -> Fingerprint:
    """Of each field: type and shape, the sum of its bits, its mean, and a few of its values."""
    return {name: of_field(field) for name, field in fields(state).items()}


def of_field(field: torch.Tensor) -> dict:
    plain = type(field) is torch.Tensor  # a lazy subclass may not have computed anything yet
    if not plain:
        return {"is": type(field).__qualname__}
    flat = torch.view_as_real(field) if field.is_complex() else field
    flat = flat.detach().contiguous().reshape(-1)
    count = flat.numel()
    cells = [count * i // CELLS for i in range(min(CELLS, count))]
    return {
        "is": f"{field.dtype} {list(field.shape)}",
        "bits": bit_sum(flat),
        "mean": float(flat.double().mean()) if count else 0.0,
        "least": least(field),
        "cells": flat[cells].double().tolist(),
    }


def bit_sum(flat: torch.Tensor) -> int:
    """Sum of the bit patterns, modulo 2^64: equal for equal bits, at the speed of memory."""
    kinds = {8: torch.int64, 4: torch.int32, 2: torch.int16, 1: torch.uint8}
    return int(flat.view(kinds[flat.element_size()]).sum(dtype=torch.int64))


class Trail:
    """In the timing process: what the candidate's timed calls left behind on one case."""

    def __init__(self, engine: Engine, start: State, level: str, seed: int):
        self.engine, self.start, self.level = engine, start, level
        self.draw = random.Random(f"block {seed}")
        self.passes: list[list[tuple[int, Fingerprint]]] = []
        self.kept: dict[str, tuple[int, int, State]] = {}

    def twin(self) -> Trail:
        """Another trail of the same passes."""
        return Trail(self.engine, self.start, self.level, self.draw.getrandbits(32))

    def begin(self) -> State:
        """The start of the next pass."""
        self.passes.append([])
        return start_of_pass(self.engine, self.start, self.level, len(self.passes) - 1)

    def note(self, made: int, state: State) -> None:
        """After a block: its fingerprint; each block is the one kept with equal chances."""
        self.passes[-1].append((made, fingerprint(state)))
        if self.draw.random() * sum(map(len, self.passes)) < 1:
            self.keep("random", made, state)

    def keep(self, which: str, made: int, state: State) -> None:
        self.kept[which] = (len(self.passes) - 1, made, clone(state))

    def save(self, folder: Path, case: str) -> dict:
        """The whole states to files; the rest for the parent to read."""
        whole = {}
        for which, (number, made, state) in self.kept.items():
            file = folder / f"{case}.{which}"
            tensors.save(file, fields(state))
            whole[which] = {"pass": number, "made": made, "file": str(file)}
        return {"passes": self.passes, "whole": whole}


class WrongAnswer(ValueError):
    """A timed call computed something else; the message says what."""


@dataclass
class Answers:
    """What the frozen engine makes of the passes of one case of one process."""

    fingerprints: dict[tuple[int, int], Fingerprint]  # by pass and number of steps made
    whole: dict[tuple[int, int], State]
    moved: float  # the least share of cells that a block changes


@dataclass
class Passes:
    """The frozen engine over the passes of a case, remembered as far as there is room: every
    timing process asks for the same ones where steps are slow."""

    engine: Engine
    name: str
    level: str

    def __post_init__(self):
        self.known: dict[tuple[int, ...], list[State]] = {}
        self.room = KEPT_BYTES

    @cached_property
    def start(self) -> State:
        return self.engine.initial(self.engine.cases[self.name])

    @cached_property
    def step(self) -> Step:
        return self.engine.prepare(self.engine.cases[self.name])

    def states(self, number: int, made: list[int]) -> Iterator[State]:
        """The start of that pass, and the states after each of those numbers of steps."""
        key = (number, *made)
        if key not in self.known:
            first = start_of_pass(self.engine, self.start, self.level, number)
            case = self.engine.cases[self.name]
            run = chain([first], along(self.engine, case, self.step, first, made))
            needed = (1 + len(made)) * sum(f.numel() * f.element_size() for f in first)
            if needed > self.room:
                return run
            self.room -= needed
            self.known[key] = list(run)
        return iter(self.known[key])


def answers(run: Passes, trails: list[dict]) -> Answers:
    """What the frozen engine makes of the passes that all these trails share."""
    kept = {(w["pass"], w["made"]) for trail in trails for w in trail["whole"].values()}
    found = Answers({}, {}, 1.0)
    for number, blocks in enumerate(max((t["passes"] for t in trails), key=len)):
        made = [n for n, _ in blocks]
        states = run.states(number, made)
        before = next(states)
        for at, want in zip(made, states, strict=True):
            found.fingerprints[number, at] = fingerprint(want)
            if (number, at) in kept:
                found.whole[number, at] = want
            found.moved = min(found.moved, moved(before, want))
            before = want
    return found


def check(verdict: Verdict, name: str, trail: dict, count: int, right: Answers) -> None:
    """Hold the trail of a candidate on one case to the frozen engine.

    Raises:
        WrongAnswer: naming the field, the block and how far off it was.
    """
    case = baselines.load(verdict.engine).cases[name]
    if sum(map(len, trail["passes"])) != count or not trail["whole"]:
        raise WrongAnswer("not every timed block left a fingerprint")
    for number, blocks in enumerate(trail["passes"]):
        for at, found in blocks:
            allowed = allowances(verdict, name, case, at)
            compare_fingerprints(found, right.fingerprints[number, at], allowed, at)
    for kept in trail["whole"].values():
        at = kept["made"]
        allowed = allowances(verdict, name, case, at)
        compare_states(tensors.load(Path(kept["file"])), right.whole[kept["pass"], at], allowed, at)


def along(engine: Engine, case: Case, step, start: State, at: list[int]) -> Iterator[State]:
    """Canonical states of the frozen engine after each of those numbers of steps."""
    working, here = engine.adopt(case, clone(start)), 0
    for target in at:
        for _ in range(target - here):
            working = step(working)
        here = target
        yield clone(engine.observe(case, working))


def allowances(verdict: Verdict, name: str, case: Case, made: int) -> dict[str, Distance]:
    """How far apart candidate and frozen engine may be then; nothing said means equal bits."""
    if verdict.level == "exact":
        return {}
    if verdict.level == "approximate":
        closest = verdict.cases[name].closest.values()
        return {f.field: Distance(SLACK * f.allowed_rms, float("inf"), float("inf"))
                for f in closest}  # fmt: skip
    mark = next(n for n in checkpoints(case) if n >= made)
    table = manifest(verdict.engine).answers[name].own_error[f"step {mark}"]
    # both sides may lie on either side of the truth
    return {field: Distance(*own).scaled(2 * SLACK) for field, own in table.items()}


def compare_fingerprints(found: Fingerprint, wanted: Fingerprint, allowed: dict, made: int) -> None:
    for name, theirs in wanted.items():
        ours = found.get(name, {"is": "nothing"})
        if ours["is"] != theirs["is"]:
            raise WrongAnswer(f"{name} was {ours['is']} after {made} timed steps, "
                              f"allowed {theirs['is']}")  # fmt: skip
        if ours["bits"] == theirs["bits"] and ours["cells"] == theirs["cells"]:
            continue
        limit = floored(allowed.get(name, ZERO), Distance(*theirs["least"]))
        gaps = [abs(a - b) for a, b in zip(ours["cells"], theirs["cells"], strict=True)]
        refuse_beyond(name, made, max(gaps, key=of_nan), limit.largest)
        refuse_beyond(f"the mean of {name}", made, abs(ours["mean"] - theirs["mean"]), limit.rms)
        if limit == ZERO:
            raise WrongAnswer(f"{name} had other bits after {made} timed steps, allowed: equal")


def floored(allowed: Distance, floor: Distance) -> Distance:
    """What is allowed; where anything is, at least one unit in the last place of one cell."""
    return allowed if allowed == ZERO else widest(allowed, floor)


def of_nan(value: float) -> float:
    return float("inf") if value != value else value


def refuse_beyond(what: str, made: int, off: float, limit: float) -> None:
    if not off <= limit:
        raise WrongAnswer(f"{what} was {off:.3g} off after {made} timed steps, allowed {limit:.3g}")


def compare_states(found: dict[str, torch.Tensor], want: State, allowed: dict, made: int) -> None:
    """Every cell of a state that was kept whole."""
    for name, theirs in fields(want).items():
        ours = found[name]
        wrong = misfit(ours, theirs)
        if wrong:
            raise WrongAnswer(f"{name} after {made} timed steps: {wrong}")
        limit = floored(allowed.get(name, ZERO), least(theirs))
        off = exact_distance(ours, theirs) if limit == ZERO else distance(ours, theirs)
        for got, most in zip(off, limit, strict=True):
            refuse_beyond(name, made, got, most)


def moved(before: State, after: State) -> float:
    """The share of cells whose bits a block changed, in that large field where it is greatest.

    What a step must write is at least what it changes: where a field is at rest, an
    optimization may rightly pass it by, and be faster than a stream over all of it.
    """
    largest = max(field.numel() for field in after)
    pairs = [(a, b) for a, b in zip(before, after, strict=True) if b.numel() == largest]
    return max(1.0 if a.shape != b.shape else float((a != b).double().mean()) for a, b in pairs)
