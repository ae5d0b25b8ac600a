"""The matrix is factorised once and not at every step.

It is the same for all steps; the factors are kept under its content.
"""

import numpy as np
from scipy.sparse.linalg import splu

from baselines.membrane_v1 import engine as baseline
from groundspeed import substitute

KEPT = {}


def factors(matrix):
    key = matrix.data.tobytes(), matrix.indices.tobytes()
    if key not in KEPT:
        KEPT.clear()
        KEPT[key] = splu(matrix)
    return KEPT[key]


def advance(place, speed, pull, inner, matrix, stiffness, dt):
    ahead = place + dt * speed + 0.25 * dt**2 * pull
    load = np.where(inner, -(stiffness @ ahead), 0.0)
    new = factors(matrix).solve(load)
    return ahead + 0.25 * dt**2 * new, speed + 0.5 * dt * (pull + new), new


engine = substitute(baseline, {"test_membrane:advance": advance})
