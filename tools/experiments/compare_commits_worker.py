"""One process of a comparison: the implementations of two commits, interleaved.

    python -m groundspeed.tools.experiments.compare_commits_worker

Reads a request, {"seed": 0, "trees": {"A": PATH, "B": PATH}, "name": …, "case": …, "budget_s": …},
and answers with seconds a step of each round.

Each commit's engines and optimizations are imported from its own tree, under the same names,
one after the other; whatever they import later, they find in their own tree as well. The
contenders are A and B and A once more; rounds and blocks are those of `tools.timing.interleaved`.
"""

import importlib
import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from groundspeed import project
from groundspeed.baselines.engine import Engine
from groundspeed.tools.asv_support.checkout import UNDER_TEST
from groundspeed.tools.process import serve
from groundspeed.tools.timing.interleaved import block_length, rounds
from groundspeed.tools.timing.runners import Runner, collect

WARM_UP = 3
ROUNDS = (WARM_UP + 6, WARM_UP + 400)  # at least, at most


@dataclass
class Commit:
    """The packages under test of one tree, kept apart from those of the other."""

    tree: str
    modules: dict = field(default_factory=dict)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Inside, `baselines` and `optimizations` are this tree's."""
        code = os.path.normpath(os.path.join(self.tree, project.SETTING.code))
        outside, path = taken(code), sys.path[:]
        sys.modules.update(self.modules)
        sys.path[:0] = project.import_folders(Path(self.tree))
        importlib.invalidate_caches()
        try:
            yield
        finally:
            sys.path[:] = path
            self.modules = taken(code)
            sys.modules.update(outside)

    def engines(self, name: str) -> tuple[Engine, Engine]:
        """The optimized engine, and the frozen one that it stands in for."""
        with self.active():
            ours = importlib.import_module(f"optimizations.{name}.implementation").engine
            return ours, importlib.import_module(f"baselines.{ours.name}").engine

    def runner(self, name: str, case: str) -> Runner:
        ours, frozen = self.engines(name)
        with self.active():
            return Runner(ours, frozen.cases[case], frozen.initial(frozen.cases[case]))


def taken(code: str) -> dict:
    """Modules under test that are loaded, and those of that code, taken out of the interpreter."""
    below = f"{code}{os.sep}"
    mine = [
        name
        for name, module in sys.modules.items()
        if name.partition(".")[0] in UNDER_TEST
        or str(getattr(module, "__file__", "")).startswith(below)
    ]
    return {n: sys.modules.pop(n) for n in mine}


def answer(request: dict) -> list[dict]:
    """Rounds of one case."""
    commits = {who: Commit(tree) for who, tree in request["trees"].items()}
    sides = {"A": "A", "B": "B", "A again": "A"}
    runners_by_name = {
        who: commits[commit].runner(request["name"], request["case"])
        for who, commit in sides.items()
    }
    stride = max(c.engine.stride for c in runners_by_name.values())
    steps = block_length(runners_by_name["A"], stride)
    collect()
    rng = random.Random(request["seed"])
    return rounds(runners_by_name, steps, rng, ROUNDS, request["budget_s"])[WARM_UP:]


if __name__ == "__main__":
    serve(answer)
