"""The same flows in the same order."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    because="the same flows stay, in the same order",
    cases=("tiny", "tiny_float64", "tiny_full", "tiny_cut", "tiny_cleanup_last", "deep", "debug"),
)
