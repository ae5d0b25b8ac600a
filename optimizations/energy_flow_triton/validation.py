"""The same cells and weights, summed in float64: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the same cells to the bit, the same weights; sums in float64",
)
