"""The collection with `scipy.ndimage`: flows are labelled by their key, and labels are reduced.

A yardstick, not a proposal: the first thing one finds when one looks for reductions by label in
a library.
"""

import numpy as np
from scipy import ndimage

from baselines.energy_flow_v1 import engine as baseline
from baselines.engine import replace, replace_stage
from optimizations.energy_flow_numpy.implementation import gathering


def labelled(bins: int, key: np.ndarray, energy: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Σ ω e with ω = softmax(strength) inside each key, [bins] float64; 0 of an empty one."""
    if not len(key):
        return np.zeros(bins)  # the library refuses to look for labels in nothing
    labels = np.arange(bins)
    weight = np.exp(strength - ndimage.maximum(strength, key, labels)[key])
    total, weighted = (ndimage.sum_labels(x, key, labels) for x in (weight, weight * energy))
    return weighted / np.maximum(total, 1)


engine = replace(replace_stage(baseline, collect=gathering(labelled)), opaque="SciPy inside")
