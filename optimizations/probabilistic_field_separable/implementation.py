"""Diffusion as two native circular convolutions; where a size has other prime factors than
2, 3 and 5, by torch's FFT.
"""

from __future__ import annotations

from dataclasses import replace

from baselines.engine import replace_stage
from baselines.probabilistic_field_v1 import FieldCase, parted
from baselines.probabilistic_field_v1 import engine as baseline
from optimizations.probabilistic_field_cached_transfer.implementation import (
    Diffusion,
    gated,
    spectral,
)

from .convolution import able, separable


def diffusion(case: FieldCase) -> Diffusion:
    """E after diffusion, in place where the sizes allow it."""
    return separable(case) if able(case) else spectral(case)


engine = replace(
    replace_stage(baseline, **parted(diffuse=gated(diffusion))),
    in_place=True,
    needs=("numba",),
    opaque="the diffusion is native",
)
