"""What half precision would do at its best: the field rounded to float16 around a transform
that is itself exact.

Negative result. One diffusion changes a field by less than float16 can hold, so rounding
outweighs what is computed.
"""

from torch import Tensor

from baselines.engine import replace_stage
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1 import engine as baseline
from optimizations.probabilistic_field_cached_transfer.implementation import (
    Diffusion,
    gated,
    spectral,
)


def rounded(case: FieldCase) -> Diffusion:
    """E after diffusion, float16 before and after."""
    diffused = spectral(case)

    def run(E: Tensor) -> Tensor:
        return diffused(E.half().to(E.dtype)).half().to(E.dtype)

    return run


engine = replace_stage(baseline, diffuse=gated(rounded))
