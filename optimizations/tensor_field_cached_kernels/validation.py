"""The same convolutions of the same numbers: bit for bit."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    because="a kernel that is kept holds the numbers of one that is made anew",
    cases=tuple(n for n, c in engine.cases.items() if c.stored or c.shape[0] == 28),
)
