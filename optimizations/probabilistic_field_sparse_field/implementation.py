"""What a sparse field asks for: only cells above a level are stored, and diffused.

Negative result. What lies below the level is dropped at every step. As written, the proposal
acts where fewer than a tenth of the cells exceed the level, which no case with an image
fulfils, and drops nothing (see probabilistic_field_sparse_roundtrip).
"""

import torch
from torch import Tensor

from baselines.engine import replace_stage
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1 import engine as baseline
from optimizations.probabilistic_field_cached_transfer.implementation import (
    Diffusion,
    gated,
    spectral,
)

LEVEL = 0.01


def truncated(case: FieldCase) -> Diffusion:
    """E after diffusion of the cells above the level."""
    diffused = spectral(case)

    def run(E: Tensor) -> Tensor:
        return diffused(torch.where(E > LEVEL, E, 0).to_sparse().to_dense())

    return run


engine = replace_stage(baseline, diffuse=gated(truncated))
