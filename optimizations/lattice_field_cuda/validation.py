"""The same operations by other kernels: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the same sums and products of single cells; only exponentials, roots and sums over "
    "the grid differ",
)
