"""The same deletions."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    because="the same keys leave the same dictionary",
    cases=("tiny", "tiny_float64", "tiny_full", "tiny_cut", "tiny_cleanup_last", "deep", "debug"),
)
