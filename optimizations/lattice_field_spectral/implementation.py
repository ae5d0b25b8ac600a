"""As proposed: the Laplacian as −k² in Fourier space.

Negative result for this engine. −k² is the Laplacian of the continuum; the lattice's own is
−4 sin²(k dx/2)/dx². The two differ by (k dx)²/12 of themselves: better physics perhaps, but
not the same computation, and it knows no walls.
"""

import torch

from baselines.engine import Step, replace_stage
from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline


def spectral(case: LatticeCase) -> Step:
    """The field stage with the continuum's Laplacian; periodic grids only."""
    if case.boundary != "periodic":
        raise ValueError(f"boundary is {case.boundary!r}; allowed: 'periodic'")
    frequencies = [torch.fft.fftfreq(n, case.dx, dtype=case.dtype) for n in case.shape[:-1]]
    frequencies.append(torch.fft.rfftfreq(case.shape[-1], case.dx, dtype=case.dtype))
    squares = sum(k * k for k in torch.meshgrid(*frequencies, indexing="ij"))
    symbol = -((2 * torch.pi) ** 2) * squares

    def step(state: LatticeState) -> LatticeState:
        E, E_prev, chi = state.E, state.E_prev, state.chi
        wave = torch.fft.irfftn(symbol * torch.fft.rfftn(E), s=case.shape)
        force = case.c**2 * wave - chi * chi * E
        return state._replace(
            E=(2 - case.gamma) * E - (1 - case.gamma) * E_prev + case.dt**2 * force, E_prev=E
        )

    return step


engine = replace_stage(baseline, field=spectral)
