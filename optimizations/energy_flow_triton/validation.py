"""The same cells and weights, summed in float64: within rounding."""

from validation.claims import Agreement

from .implementation import engine

HANGING = ("experiment", "stress", "cap")  # on rounding: a flow at a cell's edge, or at a threshold

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the same cells to the bit, the same weights; sums in float64. Not claimed where the "
    "frozen products, made on a GPU, move a flow over a cell's edge",
    cases=tuple(name for name in engine.cases if name not in HANGING),
)
