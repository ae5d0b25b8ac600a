"""Decaying two-dimensional turbulence, pseudo-spectral: package torch-cfd, torch."""

import math

import torch
from torch_cfd import grids
from torch_cfd.initial_conditions import filtered_vorticity_field
from torch_cfd.spectral import NavierStokes2DSpectral, RK4CrankNicolsonStepper

grid = grids.Grid((64, 64), domain=((0, 2 * math.pi), (0, 2 * math.pi)))
flow = NavierStokes2DSpectral(1e-3, grid, step_fn=RK4CrankNicolsonStepper())
vorticity = torch.fft.rfft2(filtered_vorticity_field(grid, 4).data[0])
with torch.no_grad():
    for _ in range(20):
        vorticity, change = flow.step(vorticity, 1e-3)
