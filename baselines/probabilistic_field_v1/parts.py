"""The step of a case that makes a part of it: the other stages hand the state on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from baselines.engine import Case, Engine, Stage, Step, replace, same

from .case import FieldCase, part, runs
from .cases import CASES

STILL = ("R", "w", "frame", "sum_E", "fractions")  # what some part leaves as it is


def parted(**builders: Callable[[Case], Step]) -> dict[str, Callable[[Case], Step]]:
    """Builders of stages by name, each idle in cases whose step leaves that stage out."""
    return {name: partial(made, name, build) for name, build in builders.items()}


def made(name: str, build: Callable[[Case], Step], case: FieldCase) -> Step:
    """The stage, or what hands the state on."""
    return build(case) if runs(case, name) else partial(same, case)


def in_parts(engine: Engine) -> Engine:
    """The engine with the cases that make a part of its step."""
    builders = parted(**{stage.name: stage.build for stage in engine.stages})
    return replace(
        engine,
        cases=engine.cases | CASES,
        stages=tuple(Stage(name, build) for name, build in builders.items()),
        fixed=(*engine.fixed, *STILL),
        least_bytes=partial(least_bytes, engine.least_bytes),
    )


def least_bytes(whole: Callable[[FieldCase], int], case: FieldCase) -> int:
    """What is read and written: E by diffusion; w and as many cells of E by seeding."""
    moved = {"seeding": 2 * case.workspace[0] * case.workspace[1], "diffusion": case.cells}
    if part(case) == "step":
        return whole(case)
    return 2 * moved[part(case)] * case.dtype.itemsize
