"""A sample would see another: other physics."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    expected="rejected",
    because="the key lacks the sample, so samples that share a cell are mixed",
    cases=("tiny", "silent_sample", "collect_1e3"),
)
