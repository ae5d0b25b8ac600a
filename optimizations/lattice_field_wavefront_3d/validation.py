"""The order of steps over cells changes; the arithmetic of a cell does not: bit for bit."""

from validation.claims import Agreement

from .implementation import STEPS, covers, engine

claim = Agreement(
    engine=engine,
    level="exact",
    because="a cell is made when all its neighbours hold the level before, and in the frozen order "
    "of products and sums",
    cases=tuple(n for n, case in engine.cases.items() if covers(case) and case.steps % STEPS == 0),
)
