"""The sizes and scenarios of the structure of arrays, under the rules of the dictionary.

Loops over objects make the same sizes slower: fewer forwards, more of them not quick, and
none of 100 352 flows or more, which take minutes each.
"""

from __future__ import annotations

from baselines.energy_flow_v1.cases import CASES as ARRAYS

from .case import by_cell
from .rules import AS_FOUND, REPAIRED, Rules

CHANGES = {
    "tiny_repaired": {"rules": Rules.all(REPAIRED)},
    "tiny_as_found": {"rules": Rules.all(AS_FOUND)},
    "experiment": {"steps": 1, "quick": False},
    "experiment_steps": {"quick": False},
}

CASES = {
    name: by_cell(case, **CHANGES.get(name, {}))
    for name, case in ARRAYS.items()
    if name not in ("stress", "cap")
}
