"""Fewer roundings, of coefficients that multiply small terms: no further from the truth."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    level="rounding",
    because="c²dt²/dx² is rounded once instead of twice, and multiplies only the small term",
    cases=tuple(name for name, case in engine.cases.items() if case.order == 2),
)
