"""Every stage keeps its operations and their order: bit for bit."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    because="coordinates that depend on one axis are the same numbers whether a line or a grid "
    "holds them, and each stage keeps its products and sums in the frozen order",
    cases=tuple(name for name, case in engine.cases.items() if case.order == 2),
)
