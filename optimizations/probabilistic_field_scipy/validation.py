"""The same operations in two other libraries: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the same expressions; neighbours are added in another order, transforms are another's",
)
