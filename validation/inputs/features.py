"""Features of a case: what kind of value each of its fields has; and pairs of them.

Two numbers are alike here unless one is 0, 1 or infinite; two choices are alike if they are equal.
A mistake that needs two features at once (damping and mass, walls and three dimensions) shows in
any case that has both.
"""

import itertools
import math

import torch

from groundspeed.baselines.engine import Case
from groundspeed.validation.reference import case_fields
from groundspeed.validation.reference.case_fields import parts

Feature = tuple[str, str]  # of a field: its name, and the kind of its value


def features(case: Case) -> dict[str, str]:
    """The feature of each field."""
    return {
        name: word
        for name, value in parts(case)
        if name not in (*case_fields.WORKING, "seed")
        for word in [kind(value)]
    }


def kind(value: object) -> str:
    """In words, what sort of value it is."""
    if isinstance(value, bool | str | None | torch.dtype):
        return str(value)
    if isinstance(value, int):
        return str(value) if value in (0, 1, 2, 3, 4, 6) else "count"
    if isinstance(value, float):
        return f"{value:g}" if value in (0.0, 1.0) or math.isinf(value) else "number"
    if isinstance(value, tuple):
        inner = sorted({kind(entry) for entry in value if not isinstance(entry, int | float)})
        return f"{len(value)} {' '.join(inner)}".strip()
    choices = (kind(v) for _, v in parts(value) if isinstance(v, bool | str | None))
    return " ".join((type(value).__name__, *choices))


def pairs(case: Case) -> set[tuple[Feature, Feature]]:
    """Pairs of features of different fields that the case has."""
    return set(itertools.combinations(sorted(features(case).items()), 2))
