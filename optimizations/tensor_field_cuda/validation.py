"""The same operations by other kernels: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the same nine products a cell, added in the order in which the device convolves",
)
