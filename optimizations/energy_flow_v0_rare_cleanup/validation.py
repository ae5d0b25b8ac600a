"""Another interval collects other flows."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    expected="rejected",
    because="cleanup deletes flows that were not yet collected: its interval is part of the result",
    cases=("tiny", "tiny_cleanup_last", "deep"),
)
