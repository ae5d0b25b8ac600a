"""The same groups in the same order."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    because="the sort is stable, so every group has its flows in the same order",
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
