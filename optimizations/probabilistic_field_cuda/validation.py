"""The same operations by other kernels; the sum over the field is not as good."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    expected="rejected",
    because="the energy of the field, on which a decision hangs, is a float32 sum; that of the "
    "device lies further off the truth than right sums do",
)
