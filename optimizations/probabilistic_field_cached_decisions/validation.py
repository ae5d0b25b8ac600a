"""A decision of an earlier frame: other physics wherever it would be another one now."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    expected="rejected",
    because="energy and dark fraction, on which diffusion, push and seeding depend, are up "
    "to nine frames old",
    cases=("cold_62x48", "cold_wide", "sparse"),
)
