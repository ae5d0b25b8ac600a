"""Cahn-Hilliard phase separation with package pde (py-pde), numpy inside."""

import numpy as np
from pde import CahnHilliardPDE, ScalarField, UnitGrid

grid = UnitGrid([48, 48], periodic=True)
start = ScalarField(grid, np.random.default_rng(0).uniform(-0.2, 0.2, grid.shape))
result = CahnHilliardPDE().solve(
    start, t_range=1.0, dt=0.005, solver="euler", backend="numpy", tracker=None
)
phase = result.data
