"""The same stencil, axis by axis: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the same stencil, added axis by axis",
    cases=tuple(name for name, case in engine.cases.items() if case.order == 2),
)
