"""The step as NumPy users write it: whole arrays, `np.fft`, `np.roll` and `np.add.at`.

A yardstick, not a proposal: what one gets by leaving torch for NumPy and changing nothing else.
The stage that shows an image stays the frozen one.
"""

import numpy as np

from baselines.engine import replace, replace_stage
from baselines.probabilistic_field_v1 import engine as baseline
from baselines.probabilistic_field_v1 import parted

from .transport import diffusing, flowing
from .turnover import consume, damp, density
from .workspace import pull, push_and_seed

AROUND = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]


def rolled(field: np.ndarray) -> np.ndarray:
    """Mean of the eight neighbours on a torus, [H, W]."""
    return sum(np.roll(field, shift, (0, 1)) for shift in AROUND) / 8


engine = replace(
    replace_stage(
        baseline,
        **parted(
            diffuse=diffusing(np.fft),
            flow=flowing(rolled),
            pull=pull,
            push_and_seed=push_and_seed,
            density=density,
            consume=consume,
            damp=damp,
        ),
    ),
    opaque="NumPy inside",
)
