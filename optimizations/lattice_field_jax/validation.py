"""The same expression under another compiler: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the same expression; XLA may contract products and sums, and adds in another order",
    # every shape compiles for seconds: two odd grids, and all that the clock measures
    cases=(
        "odd_2d",
        "odd_3d",
        *(n for n, case in engine.cases.items() if case.timed and case.order == 2),
    ),
)
