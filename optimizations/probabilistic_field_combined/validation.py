"""Each part agrees to rounding, and no part amplifies what another leaves."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    level="rounding",
    because="the frozen sums, but for the order in which transforms and, on small grids, "
    "neighbours add up",
)
