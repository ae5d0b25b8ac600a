"""Nothing reads what was added."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    because="nothing reads the table",
    cases=("tiny", "tiny_float64", "tiny_full", "tiny_cut", "tiny_cleanup_last", "deep", "debug"),
)
