"""The same cells and weights; only the sums run wider, and in the order of the flows."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the same cells to the bit, the same weights; sums in float64, flow after flow",
    # stress: minutes to judge and to time, and the collection at 1e5 flows is no smaller
    cases=tuple(name for name in engine.cases if name != "stress"),
)
