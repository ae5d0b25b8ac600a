"""The same stencil in another order of sums: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="five terms are added in real arithmetic where the frozen engine adds nine products "
    "of a complex convolution, twice; nothing else changes",
    # every shape compiles for seconds, a metric does not: an odd grid, and all
    # that the clock measures
    cases=(
        "axis_0",
        *(name for name, case in engine.cases.items() if case.timed),
    ),
)
