"""Right in small groups; in large ones the order of float32 sums shows."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    level="rounding",
    expected="rejected",
    because="sums in float32, one flow after another, part in large groups by more than rounding",
    cases=("tiny", "silent_sample", "groups", "groups_alike", "collect_1e3"),
)
