"""The same weights and sums, the latter wider and in another order."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the same cells to the bit, the same weights; only the order of sums is another",
)
