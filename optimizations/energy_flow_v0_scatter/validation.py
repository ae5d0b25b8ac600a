"""The dictionary's own groups, with the same weights and sums in another order."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the same cells and first flows; only the order of a group's sum is another",
    cases=tuple(name for name, case in engine.cases.items() if case.part == "collect"),
)
