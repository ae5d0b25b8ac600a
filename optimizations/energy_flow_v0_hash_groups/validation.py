"""Other cells: other physics."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    expected="rejected",
    because="cells by truncation of one grid are other cells than by rounding of two",
    cases=("tiny", "silent_sample", "collect_1e3"),
)
