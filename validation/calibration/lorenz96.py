"""Lorenz-96: a ring of cells that advect, damp and are driven; chaotic at F = 8.

    dx_i/dt = (x_{i+1} − x_{i−2}) x_{i−1} − x_i + F,   i modulo the number of cells

advanced by the classical Runge-Kutta scheme of order 4 with dt = 0.01. The largest Lyapunov
exponent is about 1.7, so that one unit in the last place of float32 grows to order one
within about 1000 steps.

E. N. Lorenz, Predictability: a problem partly solved, Proc. Seminar on Predictability,
ECMWF (1996).
"""

import torch
from torch import Tensor

from groundspeed.baselines.engine import Engine, Law, Run, Stage, Step
from groundspeed.validation.calibration import Ring, RingCase

DT = 0.01
FORCING = 8.0
SPIN_UP = 1000  # steps in float64 after which a random start lies on the attractor


def initial(case: RingCase) -> Ring:
    """A state on the attractor; the same numbers whatever the type."""
    x = FORCING + torch.randn(case.cells, generator=case.generator(), dtype=torch.float64)
    step = runge_kutta(lambda x: tendency(x, FORCING))
    for _ in range(SPIN_UP):
        x = step(x)
    return Ring(x.to(torch.float32).to(case.dtype))


def tendency(x: Tensor, forcing: float) -> Tensor:
    """(x_{i+1} − x_{i−2}) x_{i−1} − x_i + F."""
    return (x.roll(-1) - x.roll(2)) * x.roll(1) - x + forcing


def reordered(x: Tensor, forcing: float) -> Tensor:
    """The same sum multiplied out and in another order."""
    return (forcing - x) + (x.roll(1) * x.roll(-1) - x.roll(2) * x.roll(1))


def half(x: Tensor, forcing: float) -> Tensor:
    """The tendency in float16."""
    return tendency(x.half(), forcing).to(x.dtype)


def runge_kutta(f) -> Step:
    """x ↦ x + dt/6 (k₁ + 2 k₂ + 2 k₃ + k₄)."""

    def step(x: Tensor) -> Tensor:
        k1 = f(x)
        k2 = f(x + DT / 2 * k1)
        k3 = f(x + DT / 2 * k2)
        k4 = f(x + DT * k3)
        return x + DT / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return step


def balance(case: RingCase, start: Ring, run: Run) -> float:
    """|dE/dt − (F Σx − Σx²)| over N F², E = ½ Σ x²: advection makes no energy.

    By the fourth-order difference over two steps on either side of step 2.
    """
    states = [run(start, n).x.double() if n else start.x.double() for n in range(5)]
    energy = [float(x.square().sum()) / 2 for x in states]
    slope = (energy[0] - 8 * energy[1] + 8 * energy[3] - energy[4]) / (12 * DT)
    x = states[2]
    supply = float((FORCING * x - x.square()).sum())
    return abs(slope - supply) / (case.cells * FORCING**2)


def engine(steps: int, seed: int, rule=tendency, error: float = 0.0) -> Engine:
    """The system with one case of that length and start, ``rule`` as the tendency and a relative
    error in F."""
    step = runge_kutta(lambda x: rule(x, FORCING * (1 + error)))

    def advance(case: RingCase) -> Step:
        return lambda state: Ring(step(state.x))

    return Engine(
        name="lorenz96",
        cases={"ring": RingCase(steps=steps, seed=seed)},
        initial=initial,
        stages=(Stage("advance", advance),),
        laws=(Law("energy balance", "dE/dt = F Σx − Σx² with E = ½ Σ x²", balance, bound=1e-5),),
    )


HORIZONS = (100, 300, 500)
CANDIDATES = {
    "reordered": {"rule": reordered},
    "bug 1e-5": {"error": 1e-5},
    "float16": {"rule": half},
}
