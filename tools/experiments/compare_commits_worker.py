"""One process of a comparison: the implementations of two commits, interleaved.

    python -m tools.experiments.compare_commits_worker \
        '{"seed": 0, "trees": {"A": PATH, "B": PATH}, "name": …, "cases": […]}'

Each commit's engines and optimizations are imported from its own tree, under the same names,
one after the other; whatever they import later, they find in their own tree as well. The
contenders are A and B and A once more; rounds and blocks are those of `tools.timing.worker`.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch

from baselines.engine import Engine
from tools.timing.runners import Contender
from tools.timing.worker import block_length, quietly, speaker
from validation.reference.trajectory import errors

UNDER_TEST = ("baselines", "optimizations")
ROUNDS = (6, 400)  # at least, at most
WARM_UP = 3


@dataclass
class Commit:
    """The packages under test of one tree, kept apart from those of the other."""

    tree: str
    modules: dict = field(default_factory=dict)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Inside, `baselines` and `optimizations` are this tree's."""
        outside = taken()
        sys.modules.update(self.modules)
        sys.path.insert(0, self.tree)
        importlib.invalidate_caches()
        try:
            yield
        finally:
            sys.path.remove(self.tree)
            self.modules = taken()
            sys.modules.update(outside)

    def engines(self, name: str) -> tuple[Engine, Engine]:
        """The optimized engine, and the frozen one that it stands in for."""
        with self.active():
            ours = importlib.import_module(f"optimizations.{name}.implementation").engine
            return ours, importlib.import_module("baselines").load(ours.name)

    def contender(self, name: str, case: str) -> Contender:
        ours, frozen = self.engines(name)
        with self.active():
            return Contender(ours, frozen.cases[case], frozen.initial(frozen.cases[case]))


def taken() -> dict:
    """The modules under test that are loaded, taken out of Python's list."""
    mine = [n for n in sys.modules if n.partition(".")[0] in UNDER_TEST]
    return {n: sys.modules.pop(n) for n in mine}


def duel(commits: dict[str, Commit], name: str, case: str, seed: int, budget_s: float) -> dict:
    """Rounds of one case, and how far the two commits' answers end apart."""
    contenders = {who: commit.contender(name, case) for who, commit in commits.items()}
    contenders["A again"] = commits["A"].contender(name, case)
    a, b = contenders["A"], contenders["B"]
    stride = max(a.engine.stride, b.engine.stride)
    steps = block_length(a, a.case, stride)
    rng, order, rounds, ends = random.Random(seed), list(contenders), [], []
    made, spent = 0, 0.0
    for contender in contenders.values():
        contender.restart()
    while len(rounds) < WARM_UP + ROUNDS[0] or (
        len(rounds) < WARM_UP + ROUNDS[1] and spent < budget_s
    ):
        if made + steps > a.case.steps:
            ends.append((made, agreement([a, b])))
            made = 0
            for contender in contenders.values():
                contender.restart()
        rng.shuffle(order)
        found = {who: contenders[who].make(steps) for who in order}
        spent += sum(wall for wall, _ in found.values())
        rounds.append({who: [float(f"{t / steps:.5g}") for t in found[who]] for who in found})
        made += steps
    ends.append((made, agreement([a, b])))
    return {"case": case, "steps": steps, "rounds": rounds[WARM_UP:], "ends": ends}


def agreement(runners: list[Contender]) -> dict[str, float]:
    """How far the second's timed calls ended from the first's, per field, largest."""
    one, other = (runner.observed() for runner in runners)
    apart = {name: d.largest for name, d in errors(other, one).items()}
    for name, ours, theirs in zip(one._fields, other, one, strict=True):
        if name not in apart and not torch.equal(ours, theirs):
            apart[name] = float("inf")
    return apart


def main() -> None:
    tell, asked = speaker(), json.loads(sys.argv[1])
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    commits = {who: Commit(tree) for who, tree in asked["trees"].items()}
    for case in asked["cases"]:
        fight = partial(duel, commits, asked["name"], case, asked["seed"], asked["budget_s"])
        tell(quietly(fight))


if __name__ == "__main__":
    main()
