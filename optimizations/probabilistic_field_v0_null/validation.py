"""The same code agrees with itself bit for bit."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    because="it is the same code",
    cases=tuple(name for name, case in engine.cases.items() if case.stored),
)
