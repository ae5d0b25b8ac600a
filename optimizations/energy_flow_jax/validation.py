"""The same cells and weights under another compiler; only the sums run wider."""

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
