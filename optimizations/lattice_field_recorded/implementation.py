"""The blocked step with every tenth field kept in a memory-mapped file.

The run writes into mapped pages and goes on; the system puts them on disk when it likes.
"""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline
from optimizations.lattice_field_blocked.implementation import engine as blocked

from .recording import Recording

EVERY = 10  # steps
FRAMES = 16  # kept; a longer run begins again at the first


class Counted(NamedTuple):
    """The canonical state and how many steps were made since it was taken over."""

    lattice: LatticeState
    made: int


def recorded(case: LatticeCase, folder: Path | None = None, every: int = EVERY):
    """The step; frames go to ``folder``, or to one that goes with the process."""
    step = blocked.prepare(case)
    own = None if folder else tempfile.TemporaryDirectory(prefix="frames-")
    kind = np.dtype(str(case.dtype).removeprefix("torch."))
    recording = Recording(folder or Path(own.name), case.shape, kind, FRAMES)

    def counted(state: Counted) -> Counted:
        after = Counted(step(state.lattice), state.made + 1)
        if after.made % every == 0:
            if recording.count == FRAMES:
                recording.count = 0
            recording.append(after.lattice.E)
        return after

    counted.recording, counted.folder = recording, own  # they live as long as the step
    return counted


def adopt(_: LatticeCase, state: LatticeState) -> Counted:
    return Counted(state, 0)


def observe(_: LatticeCase, state: Counted) -> LatticeState:
    return state.lattice


engine = replace(baseline, stepper=recorded, adopt=adopt, observe=observe, in_place=True)
