"""The blocked step with a checkpoint every few steps, written while the run goes on.

Deferred writes: the run hands over a copy of both time levels and goes on; a thread writes it.
"""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline
from optimizations.lattice_field_blocked.implementation import engine as blocked

from .checkpoints import Checkpoints

EVERY = 10  # steps that a run may lose at the most


class Counted(NamedTuple):
    """The canonical state and how many steps were made since it was taken over."""

    lattice: LatticeState
    made: int


def checkpointed(case: LatticeCase, folder: Path | None = None, every: int = EVERY):
    """The step; a run killed at any moment loses at most ``every`` steps.

    Two are written in that many steps: the one before the last is always whole, for saving
    waits for it. They go to ``folder``, or to one that goes with the process.
    """
    step = blocked.prepare(case)
    own = None if folder else tempfile.TemporaryDirectory(prefix="checkpoints-")
    checkpoints = Checkpoints(folder or Path(own.name))

    def counted(state: Counted) -> Counted:
        after = Counted(step(state.lattice), state.made + 1)
        if after.made % (every // 2) == 0:
            checkpoints.save(after.made, after.lattice)
        return after

    counted.checkpoints, counted.folder = checkpoints, own  # they live as long as the step
    return counted


def adopt(_: LatticeCase, state: LatticeState) -> Counted:
    return Counted(state, 0)


def observe(_: LatticeCase, state: Counted) -> LatticeState:
    return state.lattice


engine = replace(baseline, stepper=checkpointed, adopt=adopt, observe=observe, in_place=True)
