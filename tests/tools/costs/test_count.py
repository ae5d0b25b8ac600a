"""Costs that no noise can touch: what a step does, counted, against what was accepted.

Every accepted optimization with a budget is counted in one process, and one of each kind once more
in a copy of the repository in which it has an `.item()` too many.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from groundspeed.tools.costs import budget
from groundspeed.tools.costs.dispatch_counter import Count, Line
from groundspeed.validation import discovery, machine
from groundspeed.validation.worker.forkserver import COMPILERS

pytestmark = pytest.mark.xdist_group("costs")  # counted once, not once a worker

ROOT = Path(__file__).resolve().parents[3]
ACCEPTED = [
    n
    for n in discovery.names()
    if budget.path(n).exists() and discovery.claim(n).expected == "verified"
]
PLAIN = {"NUMBA_DISABLE_JIT": "1"}
PLANT = """

import dataclasses as _dataclasses

import torch as _torch


def _stalling(case, _prepare=engine.prepare):
    step = _prepare(case)

    def planted(state):
        _torch.ones(()).item()  # planted
        return step(state)

    return planted


engine = _dataclasses.replace(engine, stepper=_stalling)
"""


def outgrown(root: Path, names: list[str], **how: str) -> dict[str, dict]:
    """What `groundspeed costs --check` says of each optimization there.

    Native loops run in Python: what they do is not counted, and compiling them takes longer.
    """
    done = subprocess.run(
        [sys.executable, "-m", "groundspeed", "costs", *names, "--check", "--json"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"} | PLAIN | how,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def here() -> dict[str, dict]:
    return outgrown(ROOT, ACCEPTED)


def by_kind(names: list[str]) -> list[str]:
    """One of each baseline for each compiler that a step may go through."""
    kinds = {}
    for name in names:
        compiled = frozenset(discovery.mentioned([name], COMPILERS))
        kinds.setdefault((discovery.claim(name).engine.name, compiled), name)
    return list(kinds.values())


KINDS = by_kind(ACCEPTED)


@pytest.fixture(scope="module")
def planted(tmp_path_factory, request) -> tuple[Path, dict[str, dict]]:
    """A copy in which optimizations have a stall, and what is said of those that are asked for."""
    asked = {item.callspec.params["name"] for item in request.session.items
             if item.originalname == "test_a_planted_item_is_found_and_its_line_named"}  # fmt: skip
    root = tmp_path_factory.mktemp("planted")
    skip = shutil.ignore_patterns("golden.safetensors", "__pycache__", "*.tmp")
    for part in ("baselines", "validation", "optimizations", "tools"):
        shutil.copytree(ROOT / part, root / part, ignore=skip)
    for name in asked:
        smallest = next(iter(budget.cases(discovery.claim(name))))
        narrow = (
            f"\nimport dataclasses\n\nclaim = dataclasses.replace(claim, cases=({smallest!r},))\n"
        )
        for file, addition in (("implementation.py", PLANT), ("validation.py", narrow)):
            path = root / "optimizations" / name / file
            path.write_text(path.read_text() + addition)
    # a planted line runs in Python in any case: nothing need be compiled to find it
    return root, outgrown(root, sorted(asked), TORCHDYNAMO_DISABLE="1")


def able(name: str) -> bool:
    return not machine.missing(discovery.claim(name).engine.needs)


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_step_costs_no_more_than_was_accepted(name, here):
    if not able(name):
        pytest.skip(here[name]["passed over"])
    assert here[name] == {"outgrown": []}  # and there is a budget


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[] if n in KINDS else [pytest.mark.exhaustive]) for n in ACCEPTED],
)
def test_a_planted_item_is_found_and_its_line_named(name, planted):
    root, said = planted
    if not able(name):
        pytest.skip(said[name]["passed over"])
    file = f"optimizations/{name}/implementation.py"
    text = (root / file).read_text().splitlines()
    number = next(i for i, line in enumerate(text, start=1) if "# planted" in line)
    assert any(line.startswith(f"{file}:{number}: item × ") for line in said[name]["outgrown"])


@pytest.mark.parametrize("name", ["buffers", "blocked"])
def test_a_step_into_kept_buffers_was_accepted_without_allocations(name):
    accepted = budget.Budget.read(budget.path(f"lattice_field_{name}"))
    assert accepted.cases["odd_2d"]["allocations"] == 0
    assert accepted.cases["odd_2d"]["operators"] > 10


def spent(*lines: Line) -> dict[str, Count]:
    return {"case": Count(steps=1, opaque="", lines=list(lines))}


def grown(before: Line, after: Line) -> list[str]:
    return budget.outgrown(budget.budget("x", spent(before)), spent(after))


LINE = Line(where="a.py:7", text="y = x + 1", operators=3, read=800, written=800, flops=100)


def test_a_line_that_moved_costs_nothing():
    assert grown(LINE, LINE.model_copy(update={"where": "a.py:9"})) == []


@pytest.mark.parametrize(
    ("column", "more"),
    [("operators", 4), ("written", 900), ("flops", 120), ("allocations", 1), ("compiled", 1)],
)
def test_one_more_of_anything_is_refused(column, more):
    (line,) = grown(LINE, LINE.model_copy(update={column: more}))
    assert "in case: " in line
    if column == "operators":
        assert line.startswith("a.py:7: ")


def test_less_is_welcome():
    assert grown(LINE, LINE.model_copy(update={"operators": 2, "read": 0})) == []


def test_a_stall_that_was_accepted_may_stay_but_not_double():
    once, twice = (LINE.model_copy(update={"waits": {"item": n}}) for n in (1, 2))
    assert grown(once, once) == []
    (line,) = grown(once, twice)
    assert line.startswith("a.py:7: item × 2 in all counted steps, 1 accepted")


def test_another_release_of_torch_excuses_operators_and_no_stalls():
    accepted = budget.budget("x", spent(LINE)).model_copy(update={"torch": "0.0"})
    worse = LINE.model_copy(update={"operators": 9, "waits": {"item": 1}})
    (line,) = budget.outgrown(accepted, spent(worse))
    assert "item" in line
