"""Laws of version 1 that hold here: all at order 2, those that need no symbol at order 4."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from baselines.lattice_field_v1.laws import LAWS as MENDED

from .state import FoundCase

ANY_ORDER = ("time reversal", "domain of dependence")


def at_order_2(applies: Callable[[FoundCase], bool]) -> Callable[[FoundCase], bool]:
    return lambda case: case.order == 2 and applies(case)


LAWS = tuple(
    law if law.name in ANY_ORDER else replace(law, applies=at_order_2(law.applies))
    for law in MENDED
)
