"""Sizes of each engine in a sweep: data only.

A size is a case of the baseline with some parameters changed; a function makes
the new one from the old one, and ``steps`` makes its trajectory longer than the others', for what
makes many steps in one call. An engine that is not listed is mapped at its everyday timed cases.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch

from groundspeed.baselines.engine import Case, Engine

Changes = dict[str, object]


@dataclass(frozen=True)
class Scale:
    """Sizes by label, smallest first: (case, what is changed), and the types to take them in."""

    sizes: dict[str, tuple[str, Changes]]
    dtypes: tuple[str, ...] = ("float32", "float64")
    steps: int = 8  # of the trajectories that are timed: what they start from matters little


LONG = 20  # steps of the longer ones: two calls of the optimization with the longest stride


def cube(n: int, **changes: int) -> tuple[str, Changes]:
    case = ("packet_128", {}) if n == 128 else ("packet_64", {"shape": (n, n, n)})
    return case[0], case[1] | changes


def flows(count: int) -> tuple[str, Changes]:
    return "collect_1e3", {"capacity": count, "given": lambda given: replace(given, count=count)}


def field_of(rows: int, columns: int) -> tuple[str, Changes]:
    from baselines.probabilistic_field_v0.cases import shipped  # late: other projects lack it

    like = shipped((rows, columns), (rows // 8, rows // 8), steps=3)
    moved = ("shape", "workspace", "start", "images")
    return "shipped_512x384", {name: getattr(like, name) for name in moved}


SCALES: dict[str, Callable[[], Scale]] = {
    "lattice_field": lambda: Scale(
        {f"{n}³": cube(n) for n in (16, 32, 64, 128)}
        | {f"{n}²": ("plane_256", {"shape": (n, n)}) for n in (64, 256, 1024, 2048)}
        | {f"{n}³, {LONG} steps": cube(n, steps=LONG) for n in (32, 64, 96, 128)},
        dtypes=("float64", "float32"),
    ),
    "tensor_field": lambda: Scale(
        {f"{n}²·16²": ("kernel_28", {"shape": (n, n, 16, 16)}) for n in (8, 16, 32, 64)},
        dtypes=("complex64", "complex128"),
    ),
    "probabilistic_field": lambda: Scale(
        {
            f"{r}×{c}": field_of(r, c)
            for r, c in ((64, 48), (128, 96), (256, 192), (512, 384), (1024, 768))
        },
        steps=3,
    ),
    "energy_flow": lambda: Scale(
        {f"{n:,} flows".replace(",", " "): flows(n) for n in (30, 300, 3_000, 10_000)},
        steps=4,
    ),
}


def scale(engine: Engine) -> Scale:
    """Of the engine's family; its own everyday timed cases where none is listed."""
    family, _, _ = engine.name.rpartition("_v")
    own = {n: (n, {}) for n, case in engine.cases.items() if case.timed and case.quick}
    kinds = {str(engine.cases[n].dtype).removeprefix("torch.") for n in own}
    everyday = partial(Scale, own, dtypes=tuple(sorted(kinds)))
    return SCALES.get(family, everyday)()


def case_at(engine: Engine, size: str, dtype: str) -> Case:
    """The case of that size in that type."""
    name, changes = scale(engine).sizes[size]
    case, fixed = engine.cases[name], {"dtype": getattr(torch, dtype), "quick": True}
    inner = {key: new(getattr(case, key)) for key, new in changes.items() if callable(new)}
    return replace(case, **changes | inner | fixed | {"steps": length(engine, size)})


def length(engine: Engine, size: str) -> int:
    """Steps of the trajectories of that size."""
    here = scale(engine)
    return here.sizes[size][1].get("steps", here.steps)
