"""The same expression in another library: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the same expression; neighbours are added in another order",
    cases=tuple(name for name, case in engine.cases.items() if case.order == 2),
)
