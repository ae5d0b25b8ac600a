"""The rules as corrected; each field is one named change of the physics."""

from __future__ import annotations

import math

from baselines.probabilistic_field_v0.rules import Rules

CORRECTED = Rules(
    half_workspace=False,
    radians=2 * math.pi,
    periodic_flow=True,
    whole_flow=True,
    debit_push_always=True,
    add_duplicates=True,
    count_dense=True,
)
