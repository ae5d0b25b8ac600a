"""Small systems with known answers, to calibrate the judge.

Lorenz-96 is chaotic: right answers part from one another exponentially. The heat equation
contracts: everything that a start got wrong is forgotten, and only the rounding of the last
steps is left. A rule that is right on both is not tuned to either. Each is a ring of cells.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from groundspeed.baselines.engine import Case


class Ring(NamedTuple):
    """x [cells], no unit."""

    x: Tensor


@dataclass(frozen=True, kw_only=True)
class RingCase(Case):
    """A ring of ``cells``."""

    cells: int = 256
    dtype: torch.dtype = torch.float32
