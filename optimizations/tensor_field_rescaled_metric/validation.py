"""One product more and one quotient more: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="a factor taken out of the metric and put back onto the result is rounded twice more",
    cases=tuple(n for n, c in engine.cases.items() if c.stored or c.shape[0] == 28),
)
