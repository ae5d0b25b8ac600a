"""Every product and sum rounds as in the frozen expression: bit for bit."""

from validation.claims import Agreement

from .implementation import covers, engine

claim = Agreement(
    engine=engine,
    level="exact",
    because="a cell sees the same products and sums in the same order, none of them contracted",
    cases=tuple(name for name, case in engine.cases.items() if covers(case)),
)
