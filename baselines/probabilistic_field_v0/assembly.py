"""An engine from the rules of its version: the same stages in the same order."""

from __future__ import annotations

import math
from functools import partial

from baselines.engine import Engine, Law, Stage

from .case import FieldCase
from .cases import CASES
from .rules import Rules
from .senses import inject
from .start import initial
from .state import adopt, observe
from .transport import diffuse, flow
from .turnover import consume, damp, density
from .workspace import pull, push_and_seed

STAGES = {
    "inject": inject,
    "diffuse": diffuse,
    "flow": flow,
    "pull": pull,
    "push_and_seed": push_and_seed,
    "density": density,
    "consume": consume,
    "damp": damp,
}


def least_bytes(rules: Rules, case: FieldCase) -> int:
    """E, R and w read and written, P and an image read; what the image replaces is not read."""
    nodes = case.workspace[0] * case.workspace[1]
    held = 2 * nodes * rules.workspace_dtype(case.dtype).itemsize
    moved, seen = 5 * case.cells, 0
    if case.images is not None:
        moved -= math.prod(case.images.region.shape)
        size = 1 if case.images.kind == "uint8" else case.dtype.itemsize
        seen = size * math.prod(case.images.shape)
    return moved * case.dtype.itemsize + held + seen


def assemble(name: str, rules: Rules, laws: tuple[Law, ...]) -> Engine:
    """The engine of that name under those rules."""
    return Engine(
        name=name,
        cases=CASES,
        initial=partial(initial, rules),
        stages=tuple(Stage(stage, partial(build, rules)) for stage, build in STAGES.items()),
        laws=laws,
        fixed=("P", "frames", "spawns", "deaths"),  # counts stand still in some cases
        adopt=adopt,
        observe=observe,
        least_bytes=partial(least_bytes, rules),
    )
