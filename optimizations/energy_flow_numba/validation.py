"""The same cells and weights; sums run wider, and in the order of the flows."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the same cells to the bit; weights and sums in float64, rounded once at the end",
)
