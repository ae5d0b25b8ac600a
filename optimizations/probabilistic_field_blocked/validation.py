"""The frozen operations in the frozen order, but for how waves and neighbours add up."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    level="rounding",
    because="each cell sees the frozen products and sums, but for transforms of the same lengths "
    "axis by axis; only on small grids does torch's convolution add the eight neighbours in "
    "another order",
)
