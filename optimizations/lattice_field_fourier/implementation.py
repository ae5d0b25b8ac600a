"""The lattice's own Laplacian as a product in Fourier space.

A cyclic stencil is a convolution, and the transform makes it a product: with the symbol of the
stencil, −4 Σ sin²(k dx/2)/dx², it is the same operator as the frozen one. Only rounding differs,
and that is not local any more: every cell gets a little of everybody's.
"""

import math

import torch

from baselines.engine import Step, replace_stage
from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline
from baselines.lattice_field_v1.state import symbol


def fourier(case: LatticeCase) -> Step:
    """The field stage with the stencil's symbol; periodic grids only."""
    if case.boundary != "periodic":
        raise ValueError(f"boundary is {case.boundary!r}; allowed: 'periodic'")
    lines = [
        torch.tensor(
            [-symbol(2 * math.pi * j / n, case.order) for j in range(n)], dtype=torch.double
        )
        for n in case.shape[:-1]
    ]
    n = case.shape[-1]
    half = range(n // 2 + 1)
    lines.append(
        torch.tensor([-symbol(2 * math.pi * j / n, case.order) for j in half], dtype=torch.double)
    )
    total = sum(torch.meshgrid(*lines, indexing="ij"))
    factor = ((case.c / case.dx) ** 2 * total).to(case.dtype)

    def step(state: LatticeState) -> LatticeState:
        E, E_prev, chi = state.E, state.E_prev, state.chi
        wave = torch.fft.irfftn(factor * torch.fft.rfftn(E), s=case.shape)
        force = wave - (chi * chi) * E
        after = (2 - case.gamma) * E - (1 - case.gamma) * E_prev + case.dt**2 * force
        return state._replace(E=after, E_prev=E)

    return step


engine = replace_stage(baseline, field=fourier)
