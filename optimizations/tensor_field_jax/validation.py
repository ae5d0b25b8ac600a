"""The same stencil under another compiler: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="five terms are added where the frozen engine adds nine, in an order that XLA chooses",
    # every shape compiles for seconds: an odd grid, and all that the clock measures
    cases=("axis_0", *(name for name, case in engine.cases.items() if case.timed)),
)
