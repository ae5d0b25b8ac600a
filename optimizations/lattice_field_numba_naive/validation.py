"""The same expression in plain loops: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the same expression; neighbours and factors come together in another order",
    cases=tuple(name for name, case in engine.cases.items() if case.order == 2),
)
