"""Planes are independent of one another within a step: bit for bit."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    level="exact",
    because="each cell sees the same operations in the same order, whichever block it is in",
    cases=tuple(name for name, case in engine.cases.items() if case.order == 2),
)
