"""Every sweep over the field as one Triton kernel, in place, around the GPU's own transforms.

The steps, and what the host waits for, are those of `probabilistic_field_blocked`; fields live on
the GPU, counters and records on the host. The energy of the field is added up in float64, whose
result does not depend on the order that the device chooses.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from baselines.engine import Step
from baselines.probabilistic_field_v1 import FieldCase, FieldState
from baselines.probabilistic_field_v1 import engine as baseline
from optimizations.probabilistic_field_blocked.stepping import Sweeps, stepping
from optimizations.probabilistic_field_cached_transfer.implementation import spectral

FIELDS = ("E", "R", "P", "w", "frames")


def there(case: FieldCase) -> FieldCase:
    """The same case on the GPU."""
    return replace(case, device="cuda")


def adopt(case: FieldCase, state: FieldState) -> FieldState:
    """Fields on the GPU, contiguous; all else stays."""
    fields = {n: getattr(state, n).to(there(case).device).contiguous() for n in FIELDS}
    return state._replace(**fields)


def observe(case: FieldCase, state: FieldState) -> FieldState:
    return state._replace(**{n: getattr(state, n).to(case.device) for n in FIELDS})


def energy(E: Tensor) -> float:
    """Of the whole field, in float64."""
    return float(E.sum(dtype=torch.float64))


def compiled(case: FieldCase) -> Sweeps:
    """The sweeps as kernels."""
    from .sweeps import sweeps  # late: Triton is there where a GPU is

    return sweeps(case)


def stepper(case: FieldCase) -> Step:
    return stepping(compiled, spectral, energy)(there(case))


engine = replace(
    baseline,
    stepper=stepper,
    adopt=adopt,
    observe=observe,
    in_place=True,
    needs=("cuda", "triton"),
    opaque="Triton sweeps",
)
