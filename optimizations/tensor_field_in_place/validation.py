"""The same products and sums, written elsewhere: bit for bit."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    because="where a result is written changes none of its bits",
    cases=tuple(n for n, c in engine.cases.items() if c.stored or c.shape[0] == 28),
)
