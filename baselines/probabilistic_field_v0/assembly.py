"""An engine from the rules of its version: the same stages in the same order."""

from __future__ import annotations

from functools import partial

from baselines.engine import Engine, Law, Stage

from .cases import CASES
from .field import consume, damp, density, diffuse, flow
from .rules import Rules
from .senses import inject
from .start import initial
from .state import adopt, observe
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


def assemble(name: str, rules: Rules, laws: tuple[Law, ...]) -> Engine:
    """The engine of that name under those rules."""
    return Engine(
        name=name,
        cases=CASES,
        initial=partial(initial, rules),
        stages=tuple(Stage(stage, partial(build, rules)) for stage, build in STAGES.items()),
        laws=laws,
        fixed=("P", "frames", "spawns", "deaths"),
        adopt=adopt,
        observe=observe,
    )
