"""Every cell's own arithmetic is the baseline's; transforms and sums are made of parts."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    level="rounding",
    because="a transform of the plane is made of transforms of lines, and sums over the grid are "
    "sums over rows, then over ranks; all else is the baseline's own arithmetic",
)
