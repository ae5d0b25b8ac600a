"""The same groups; sums wider, in one order on every device."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the frozen weights; a group's sums run in float64 in the order of its rows",
    # stress: minutes to judge and to time, and the collection at 1e5 flows is no smaller
    cases=tuple(name for name in engine.cases if name != "stress"),
)
