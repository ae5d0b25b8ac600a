"""As proposed: the transform of the field in half precision, back to float32 afterwards.

Negative result. On CPUs torch has no such transform; on GPUs it takes powers of two alone, and
the sum of a field does not fit into float16, whose largest number is 65 504.
"""

import torch
from torch import Tensor

from baselines.engine import replace_stage
from baselines.probabilistic_field_v0.rules import DIFFUSIVITY
from baselines.probabilistic_field_v0.transport import squared_frequencies
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1 import engine as baseline
from baselines.probabilistic_field_v1.rules import CORRECTED
from optimizations.probabilistic_field_cached_transfer.implementation import Diffusion, gated


def half(case: FieldCase) -> Diffusion:
    """E after diffusion, by transforms of float16."""
    q = squared_frequencies(case)[:, : case.shape[1] // 2 + 1]
    decay = torch.exp(-DIFFUSIVITY * CORRECTED.radians**2 * q * case.dt)

    def run(E: Tensor) -> Tensor:
        return torch.fft.irfft2(torch.fft.rfft2(E.half()) * decay, s=case.shape).float()

    return run


engine = replace_stage(baseline, diffuse=gated(half))
