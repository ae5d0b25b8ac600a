"""There is no such transform on a CPU."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    expected="rejected",
    because="torch has no transform of float16 on CPUs, and where it has, the sum of a "
    "field exceeds float16",
    cases=("shipped_64x48", "power_of_two_64x64"),
)
