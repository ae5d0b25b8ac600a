"""The named sizes and scenarios of the tensor field.

Presets are frozen values: ``FAST`` for small grids, ``USUAL`` for larger ones. Steps
with an entry of 10 in the metric stay below 50, beyond which growth swamps comparison.
"""

from __future__ import annotations

import math
from dataclasses import replace

from .potential import Barrier, Harmonic, Level, Well
from .state import TensorCase

USUAL = TensorCase(steps=20, shape=(28, 28, 16, 16))
FAST = TensorCase(
    steps=20,
    shape=(8, 8, 16, 16),
    dt=0.01,
    alpha=0.4,
    lambda_F=0.03,
    lambda_QR=0.2,
    window=10,
)
TINY = replace(FAST, shape=(5, 7, 2, 2), stored=True)


def kernel(case: TensorCase, steps: int) -> TensorCase:
    """The case as repeated H alone, ħ² = m/2(g[0] + g[1]): greatest eigenvalue 1."""
    g = case.metric or (1.0,)
    hbar = math.sqrt(case.m / (2 * (g[0] + g[1 if len(g) > 1 else 0])))
    return replace(case, part="kernel", steps=steps, hbar=hbar)


def bent(case: TensorCase, *metric: float, **changes) -> TensorCase:
    """The case in that metric."""
    return replace(case, metric=metric, **changes)


MIDDLE = replace(USUAL, steps=5, shape=(64, 64, 16, 16))
# one step: sealing makes dozens of runs of a state of 0.4 GB; smaller grids judge trajectories
LARGE = replace(USUAL, steps=1, shape=(128, 128, 32, 32), quick=False)

CASES = {
    "one_step": replace(TINY, steps=1),
    "unit_metric": bent(TINY, 1.0, 1.0),
    "axis_0": bent(TINY, 10.0, 1.0),
    "axis_1": bent(TINY, 1.0, 10.0),
    "isotropic": bent(TINY, 2.0),
    "spare_entries": bent(TINY, 1.5, 0.5, 7.0, 7.0),
    "kernel_flat": kernel(TINY, 4),
    "kernel_axis_0": kernel(bent(TINY, 10.0, 1.0), 4),
    "kernel_well": replace(kernel(TINY, 4), potential=Well(0.3)),
    "one_row": bent(TINY, 2.0, 0.5, shape=(1, 9, 2, 2)),
    "one_column": bent(TINY, 2.0, 0.5, shape=(9, 1, 2, 2)),
    "one_site": replace(TINY, shape=(1, 1, 3, 3), potential=Level(0.05)),
    "two_rows": bent(TINY, 2.0, 0.5, shape=(2, 6, 2, 2)),
    "two_by_two": replace(TINY, shape=(2, 2, 3, 3)),
    "oblong_components": bent(TINY, 0.5, 1.5, shape=(6, 4, 3, 5)),
    "prior": bent(TINY, 2.0, 1.0, prior=True),
    "evidence": replace(TINY, prior=True, evidence=True),
    "evidence_alone": replace(TINY, evidence=True),
    "current": replace(TINY, current=True),
    "harmonic": replace(TINY, potential=Harmonic(0.02)),
    "barrier": replace(TINY, shape=(6, 5, 2, 3), potential=Barrier(0.1)),
    "all_terms": bent(
        TINY, 0.5, 2.0, prior=True, evidence=True, current=True, potential=Level(0.05)
    ),
    "saturated_memory": replace(TINY, alpha=40.0, lambda_F=1.0),
    "long": replace(FAST, steps=200),
    "field_8": FAST,
    "field_8_axis_0": bent(FAST, 10.0, 1.0),
    "field_28": replace(USUAL, timed=True),
    "field_28_axis_0": bent(USUAL, 10.0, 1.0, timed=True),
    "kernel_28": replace(kernel(USUAL, 5), timed=True),
    "kernel_28_axis_0": replace(kernel(bent(USUAL, 10.0, 1.0), 5), timed=True),
    "oblong_odd": bent(USUAL, 1.0, 2.0, steps=5, shape=(45, 31, 16, 16)),
    "field_64": replace(MIDDLE, timed=True),
    "field_64_axis_0": bent(MIDDLE, 10.0, 1.0, timed=True),
    "kernel_64": replace(kernel(MIDDLE, 3), timed=True),
    "kernel_64_axis_0": replace(kernel(bent(MIDDLE, 10.0, 1.0), 3), timed=True),
    "field_128": replace(LARGE, timed=True),
    "field_128_axis_0": bent(LARGE, 10.0, 1.0, timed=True),
    "kernel_128_axis_0": replace(kernel(bent(LARGE, 10.0, 1.0), 1), timed=True),
}
