"""The same operations in the same order, whichever rank does them: bit for bit."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    level="exact",
    because="every cell is advanced by the baseline's operations in their order, on whichever rank "
    "it lies; no number is summed over ranks",
    cases=tuple(name for name, case in engine.cases.items() if case.bodies is None),
)
