"""The same operations."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    because="the same operations in the same order",
    cases=(
        "tiny",
        "tiny_steps",
        "groups",
        "groups_alike",
        "nothing_completed",
        "silent_sample",
        "collect_1e3",
        "collect_1e4",
    ),
)
