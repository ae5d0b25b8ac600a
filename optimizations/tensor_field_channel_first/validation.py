"""The same operations in another order of memory: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the library may convolve another memory order in another order of sums",
    cases=tuple(n for n, c in engine.cases.items() if c.stored or c.shape[0] == 28),
)
