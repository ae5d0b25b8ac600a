"""The same operations by other kernels; one flow of ten thousand decides otherwise."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    expected="rejected",
    because="sums run in other orders, and a flow that lies within rounding of a cell's edge falls "
    "into the next cell: one in a whole forward of ten thousand",
)
