"""Two shear layers that roll up into vortices, D2Q9: lattice Boltzmann, package pylbm, numpy."""

import numpy as np
import pylbm
import sympy

X, Y, RHO, QX, QY, LA = sympy.symbols("X, Y, rho, qx, qy, lambda")
rho0, shear, speed = 1.0, 80.0, 0.05


def along(x, y):
    return (
        rho0 * speed * np.where(y < 0.5, np.tanh(shear * (y - 0.25)), np.tanh(shear * (0.75 - y)))
    )


def across(x, y):
    return 0.05 * rho0 * speed * np.sin(2 * np.pi * (x + 0.25))


rate = 1.8  # of relaxation
squares = QX**2 + QY**2
simulation = pylbm.Simulation(
    {
        "box": {"x": [0.0, 1.0], "y": [0.0, 1.0], "label": -1},
        "space_step": 1.0 / 64,
        "scheme_velocity": LA,
        "parameters": {LA: 1.0},
        "schemes": [
            {
                "velocities": list(range(9)),
                "conserved_moments": [RHO, QX, QY],
                "polynomials": [
                    1, X, Y,
                    3 * (X**2 + Y**2) - 4,
                    sympy.Rational(1, 2) * (9 * (X**2 + Y**2) ** 2 - 21 * (X**2 + Y**2) + 8),
                    3 * X * (X**2 + Y**2) - 5 * X, 3 * Y * (X**2 + Y**2) - 5 * Y,
                    X**2 - Y**2, X * Y,
                ],
                "relaxation_parameters": [0.0, 0.0, 0.0, rate, rate, rate, rate, rate, rate],
                "equilibrium": [
                    RHO, QX, QY,
                    -2 * RHO + 3 * squares, RHO - 3 * squares, -QX, -QY, QX**2 - QY**2, QX * QY,
                ],
            }
        ],
        "init": {RHO: rho0, QX: along, QY: across},
        "generator": "numpy",
    }
)  # fmt: skip
for _ in range(300):
    simulation.one_time_step()
simulation.f2m()
density, momentum = simulation.m[RHO].copy(), simulation.m[QX].copy()
