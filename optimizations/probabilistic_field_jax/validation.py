"""The same operations under another compiler: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the same expressions; XLA may contract products and sums, and adds in another order",
)
