"""A two-dimensional cellular automaton, Conway's rule: package cellpylib."""

import cellpylib
import numpy as np


def alive(neighbourhood, place, time):
    """A cell lives on with two or three neighbours, and begins with three."""
    here = neighbourhood[1][1]
    around = np.sum(neighbourhood) - here
    if here == 1:
        return 1 if around in (2, 3) else 0
    return 1 if around == 3 else 0


def test_a_crowd_dies_back():
    dice = np.random.default_rng(3)
    start = (dice.random((1, 24, 24)) < 0.6).astype(np.int64)
    cells = cellpylib.evolve2d(start, timesteps=12, apply_rule=alive, neighbourhood="Moore")
    crowd = cells.mean(axis=(1, 2))
    assert 0 < crowd[-1] < crowd[0]
