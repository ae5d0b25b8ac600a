"""The frozen operations in the frozen order, sums in float64: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the frozen sums, but for the order in which transforms and neighbours add up, and "
    "products that are contracted where the device can",
)
