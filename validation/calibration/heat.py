"""The heat equation on a ring, forward in time and central in space: it contracts.

    x_i ← x_i + c ((x_{i−1} − 2 x_i) + x_{i+1}),   c = 0.2

In exact arithmetic Σ x is conserved and differences decay. Written as an increment the
rounded scheme conserves Σ x but for the rounding of the last addition; written with the
coefficients 1 − 2c, c, c, which once rounded no longer sum to 1, it does not.

J. Fourier, Théorie analytique de la chaleur (1822); scheme: R. Courant, K. Friedrichs and
H. Lewy, Math. Ann. 100, 32 (1928), doi:10.1007/BF01448839.
"""

import torch
from torch import Tensor

from groundspeed.baselines.engine import Engine, Law, Run, Stage, Step
from groundspeed.validation.calibration import Ring, RingCase

C = 0.2  # Courant number


def initial(case: RingCase) -> Ring:
    """Independent normal temperatures; the same numbers whatever the type."""
    x = torch.randn(case.cells, generator=case.generator(), dtype=torch.float64)
    return Ring(x.to(torch.float32).to(case.dtype))


def increment(x: Tensor, c: float) -> Tensor:
    """x_i + c ((x_{i−1} − 2 x_i) + x_{i+1})."""
    return x + c * ((x.roll(1) - 2 * x) + x.roll(-1))


def reordered(x: Tensor, c: float) -> Tensor:
    """By fluxes: what leaves a cell arrives at its neighbour."""
    flux = c * (x.roll(-1) - x)
    return x + (flux - flux.roll(1))


def refactored(x: Tensor, c: float) -> Tensor:
    """(1 − 2c) x + c (l + r): equal in algebra; the rounded weights do not sum to 1."""
    return (1 - 2 * c) * x + c * (x.roll(1) + x.roll(-1))


def half(x: Tensor, c: float) -> Tensor:
    """The flux in float16."""
    h = x.half()
    flux = (c * (h.roll(-1) - h)).to(x.dtype)
    return x + (flux - flux.roll(1))


def conservation(case: RingCase, start: Ring, run: Run) -> float:
    """|Σ x(n) − Σ x(0)| / Σ |x(0)| at the end of the case."""
    before, after = start.x.double(), run(start, case.steps).x.double()
    return abs(float(after.sum() - before.sum())) / float(before.abs().sum())


def engine(steps: int, seed: int, rule=increment, error: float = 0.0) -> Engine:
    """The system with one case of that length and start, ``rule`` as the step and a relative error
    in c."""

    def advance(case: RingCase) -> Step:
        return lambda state: Ring(rule(state.x, C * (1 + error)))

    return Engine(
        name="heat",
        cases={"bar": RingCase(steps=steps, seed=seed)},
        initial=initial,
        stages=(Stage("advance", advance),),
        laws=(Law("conservation", "Σ x does not change", conservation, bound=1e-13),),
    )


HORIZONS = (100, 1000, 4000)
CANDIDATES = {
    "reordered": {"rule": reordered},
    "refactor": {"rule": refactored},
    "bug 1e-5": {"error": 1e-5},
    "float16": {"rule": half},
}
