"""Increments lie below half precision's resolution: other physics."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    level="rounding",
    expected="rejected",
    because="a step changes E by less than float16 can hold, so the wave loses its motion",
    cases=("odd_2d", "odd_3d", "slab", "packet_64"),
)
