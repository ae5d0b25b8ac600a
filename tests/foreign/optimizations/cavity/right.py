"""The curl of a plane field without the derivatives along the axis that has one cell.

Sums begin at zero as before, which makes a zero of either sign a positive one.
"""

import numpy as np

from baselines.cavity_v1 import engine as baseline
from groundspeed import substitute


def curl_E(E):
    if E.shape[2] != 1:
        raise ValueError(f"{E.shape[2]} cells along z; allowed: 1")
    curl = np.zeros(E.shape, dtype=E.dtype)
    curl[:, :-1, :, 0] += E[:, 1:, :, 2] - E[:, :-1, :, 2]
    curl[:-1, :, :, 1] -= E[1:, :, :, 2] - E[:-1, :, :, 2]
    curl[:-1, :, :, 2] += E[1:, :, :, 1] - E[:-1, :, :, 1]
    curl[:, :-1, :, 2] -= E[:, 1:, :, 0] - E[:, :-1, :, 0]
    return curl


engine = substitute(baseline, {"fdtd.grid:curl_E": curl_E})
