"""As proposed: clamp and the test for finite values written as one expression, in the diffusion.

It fuses nothing, the same kernels run in another order, and the frozen stages other than the
diffusion are written that way already. An infinite value would become 0 instead of 10⁶.
"""

import torch
from torch import Tensor

from baselines.engine import replace_stage
from baselines.probabilistic_field_v0.cells import bounded
from baselines.probabilistic_field_v0.rules import DIFFUSIVITY
from baselines.probabilistic_field_v0.transport import squared_frequencies
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1 import engine as baseline
from baselines.probabilistic_field_v1.rules import CORRECTED
from optimizations.probabilistic_field_cached_transfer.implementation import Diffusion, gated


def one_expression(case: FieldCase) -> Diffusion:
    """E after diffusion; the transfer function is made at each step, as it was."""
    q, half = squared_frequencies(case), case.shape[1] // 2 + 1
    rate = DIFFUSIVITY * CORRECTED.radians**2

    def run(E: Tensor) -> Tensor:
        decay = torch.exp(-rate * q[:, :half] * case.dt)
        return bounded(torch.fft.irfft2(torch.fft.rfft2(E) * decay, s=case.shape))

    return run


engine = replace_stage(baseline, diffuse=gated(one_expression))
