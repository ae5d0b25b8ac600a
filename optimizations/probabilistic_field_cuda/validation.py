"""The same operations by other kernels: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the same operations; transforms and sums run in other orders",
)
