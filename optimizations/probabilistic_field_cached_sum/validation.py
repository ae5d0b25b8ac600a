"""A decision of an earlier frame: other physics wherever it would be another one now."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    level="rounding",
    expected="rejected",
    because="the energy that decides on the diffusion is up to nine frames old",
    cases=("cold_62x48", "shipped_64x48", "sparse"),
)
