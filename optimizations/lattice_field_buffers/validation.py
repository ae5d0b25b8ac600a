"""The same operations in the same order: bit for bit."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    level="exact",
    because="only where results are written has changed, not one operation nor their order",
    cases=tuple(name for name, case in engine.cases.items() if case.order == 2),
)
