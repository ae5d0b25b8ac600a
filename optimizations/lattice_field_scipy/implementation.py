"""The same step with `scipy.ndimage.laplace`: one call for the stencil, the rest in NumPy.

A yardstick, not a proposal: the first thing one finds when one looks for a stencil in a library.
"""

import torch
from scipy import ndimage

from baselines.engine import Step, replace, replace_stage
from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline


def filtered(case: LatticeCase) -> Step:
    """The field stage, E⁺ = (2 − γ) E − (1 − γ) E_prev + dt² (c² L − χ² E)."""
    if case.order != 2:
        raise ValueError(f"order is {case.order}; allowed: 2")
    rate = (case.c / case.dx) ** 2

    def step(state: LatticeState) -> LatticeState:
        E, E_prev, chi = (t.numpy() for t in (state.E, state.E_prev, state.chi))
        force = rate * ndimage.laplace(E, mode="wrap") - chi * chi * E
        after = (2 - case.gamma) * E - (1 - case.gamma) * E_prev + case.dt**2 * force
        return state._replace(E=torch.from_numpy(after), E_prev=state.E)

    return step


engine = replace(replace_stage(baseline, field=filtered), opaque="SciPy inside")
