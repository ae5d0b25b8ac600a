"""The same operators called from a script: bit for bit."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    because="the script compiler calls the operators that the interpreter calls",
    cases=tuple(n for n, c in engine.cases.items() if c.stored or c.shape[0] == 28),
)
