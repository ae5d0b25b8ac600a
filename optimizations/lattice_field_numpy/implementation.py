"""The same step as NumPy users write it: whole arrays, `np.roll` for the neighbours.

A yardstick, not a proposal: what one gets by leaving torch and changing nothing else. The arrays
are views of the tensors, nothing is copied on the way.
"""

import numpy as np
import torch

from baselines.engine import Step, replace, replace_stage
from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline


def laplacian(E: np.ndarray, dx: float) -> np.ndarray:
    """Central differences of order 2 with cyclic shifts, [*shape]."""
    around = sum(np.roll(E, reach, axis) for axis in range(E.ndim) for reach in (1, -1))
    return (around - 2 * E.ndim * E) / dx**2


def rolled(case: LatticeCase) -> Step:
    """The field stage, E⁺ = (2 − γ) E − (1 − γ) E_prev + dt² (c² L − χ² E)."""
    if case.order != 2:
        raise ValueError(f"order is {case.order}; allowed: 2")

    def step(state: LatticeState) -> LatticeState:
        E, E_prev, chi = (t.numpy() for t in (state.E, state.E_prev, state.chi))
        force = case.c**2 * laplacian(E, case.dx) - chi * chi * E
        after = (2 - case.gamma) * E - (1 - case.gamma) * E_prev + case.dt**2 * force
        return state._replace(E=torch.from_numpy(after), E_prev=state.E)

    return step


engine = replace(replace_stage(baseline, field=rolled), opaque="NumPy inside")
