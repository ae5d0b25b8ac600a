"""Cells below the threshold stand still: other physics."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    level="rounding",
    expected="rejected",
    because="a frozen cell neither passes the wave on nor oscillates, so tails and fronts are lost",
    cases=("odd_2d", "slab", "plane_256", "compact_128", "packet_64"),
)
