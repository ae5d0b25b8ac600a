"""The same stencil in another order of sums: within rounding, on every case."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="five terms are added in real arithmetic, contracted where the device can, where the "
    "frozen engine adds nine products of a complex convolution, twice; nothing else changes",
)
