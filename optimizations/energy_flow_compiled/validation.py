"""The same weights and sums, the latter wider and in another order."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the frozen operations but for the order of a group's sum, which runs in float64",
    # each size is compiled anew, so this is a choice: groups of 1 to 1000, and what the
    # clock measures
    cases=("groups", "collect_1e3", "collect_1e4", "collect_1e5"),
)
