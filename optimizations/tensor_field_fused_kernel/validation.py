"""The weights are summed before the field is: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the two products with T in the centre become one, and two sums become one",
    cases=tuple(n for n, c in engine.cases.items() if c.stored or c.shape[0] == 28),
)
