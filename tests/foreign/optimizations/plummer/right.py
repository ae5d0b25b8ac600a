"""Gravity of all pairs at once, as matrices, with the spline that softens it.

The pairs are added in another order.
"""

import numpy as np

from baselines.plummer_v1 import engine as baseline
from groundspeed import substitute

A, B, C = 21.333333333333, 10.666666666667, 0.066666666667  # with the digits that the package has


def gravity(position, mass, softening):
    apart = position[None, :, :] - position[:, None, :]
    distance = np.sqrt((apart**2).sum(axis=2))
    reach = np.maximum(softening[:, None], softening[None, :])
    q = np.minimum(distance / reach, 1.0)
    inner = 32 / 3 + q * q * (32 * q - 38.4)
    with np.errstate(divide="ignore", invalid="ignore"):
        outer = A - 48 * q + 38.4 * q * q - B * q**3 - C / q**3
        share = np.where(q <= 0.5, inner, outer) / reach**3
        share = np.where(distance < reach, share, distance**-3.0)
    np.fill_diagonal(share, 0.0)
    return np.einsum("ij,ijk,j->ik", share, apart, mass)


def leap(position, velocity, pull, mass, softening, dt):
    velocity = velocity + 0.5 * dt * pull
    position = position + dt * velocity
    pull = gravity(position, mass, softening)
    return position, velocity + 0.5 * dt * pull, pull


engine = substitute(baseline, {"plummer:leap": leap})
