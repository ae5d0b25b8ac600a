"""The same operations in another library: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the same expressions; neighbours are added in another order, transforms are another's",
)
