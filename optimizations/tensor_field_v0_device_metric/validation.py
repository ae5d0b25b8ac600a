"""A number and a tensor of one number multiply alike: bit for bit."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    because="an entry is the same double as a number and as a tensor without axes",
    cases=tuple(n for n, c in engine.cases.items() if c.stored or c.shape[0] == 28),
)
