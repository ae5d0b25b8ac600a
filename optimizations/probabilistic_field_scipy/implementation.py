"""The step with `scipy.fft` for the waves and `scipy.ndimage` for the neighbours, the rest NumPy.

A yardstick, not a proposal: what one finds when one looks for transforms and stencils in a library.
"""

import numpy as np
from scipy import fft, ndimage

from baselines.engine import replace, replace_stage
from baselines.probabilistic_field_v1 import parted
from optimizations.probabilistic_field_numpy.implementation import engine as in_numpy
from optimizations.probabilistic_field_numpy.transport import diffusing, flowing

MEAN = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]]) / 8


def convolved(field: np.ndarray) -> np.ndarray:
    """Mean of the eight neighbours on a torus, [H, W]."""
    return ndimage.convolve(field, MEAN, mode="wrap")


engine = replace(
    replace_stage(in_numpy, **parted(diffuse=diffusing(fft), flow=flowing(convolved))),
    opaque="SciPy inside",
)
