"""The same stencil with its sums in a library: within rounding, on every case."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="nine real products are added where the frozen engine adds nine complex ones, twice "
    "where there is a metric; nothing else changes",
)
