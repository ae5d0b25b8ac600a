"""A Plummer sphere under its own gravity, leapfrog: N-body code, package pytreegrav, numba."""

import numpy as np
from pytreegrav import Accel


def start(count):
    dice = np.random.default_rng(0)
    radius = (dice.uniform(0.05, 0.95, count) ** (-2 / 3) - 1) ** -0.5
    way = dice.normal(size=(count, 3))
    position = radius[:, None] * way / np.linalg.norm(way, axis=1)[:, None]
    return position, 0.3 * dice.normal(size=(count, 3))


def leap(position, velocity, pull, mass, softening, dt):
    velocity = velocity + 0.5 * dt * pull
    position = position + dt * velocity
    pull = Accel(position, mass, softening, method="bruteforce")
    return position, velocity + 0.5 * dt * pull, pull


if __name__ == "__main__":
    position, velocity = start(400)
    mass, softening = np.full(400, 1 / 400), np.full(400, 0.05)
    pull = Accel(position, mass, softening, method="bruteforce")
    for _ in range(20):
        position, velocity, pull = leap(position, velocity, pull, mass, softening, 0.01)
