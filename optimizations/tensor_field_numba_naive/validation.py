"""The same stencil in plain loops: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="six terms are added where the frozen engine adds nine, four of them zero",
    cases=tuple(name for name, case in engine.cases.items() if case.stored or case.timed),
)
