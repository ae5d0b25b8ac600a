"""Weights resolved to 4e-3: other physics."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    expected="rejected",
    because="a weight in bfloat16 is off by up to 4e-3, so weights do not sum to 1",
    cases=("tiny", "groups", "silent_sample", "collect_1e3"),
)
