"""The same operator; its rounding is spread over the grid, a few units of the largest value."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="approximate",
    because="a transform rounds relative to the largest value on the grid, a stencil to its own",
    cases=("odd_2d", "odd_3d", "order_4", "order_6", "slab", "plane_256", "packet_64"),
    # a transform puts rounding everywhere at once: 1.5e-16 of the spike beyond its cone
    budget={"E": 1e-12, "E_prev": 1e-12, "domain of dependence": 4e-16},
    loosened="laws had no budget before, and were held to the exact engine's own rounding, "
    "which an approximation cannot keep; the error of the fields is allowed no more than it was",
)
