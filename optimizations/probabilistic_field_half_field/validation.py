"""Rounding to float16 outweighs a diffusion step."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    expected="rejected",
    because="float16 resolves 5e-4 of a value, and the step has to be right to 1e-7 of it",
    cases=("shipped_64x48", "dense"),
)
