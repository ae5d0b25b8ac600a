"""The same operations under another compiler: within rounding."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="the same expressions; XLA may contract products and sums, and adds in another order",
    # each shape is compiled anew: a sparse and a dense field, and all that the clock measures
    cases=(
        "cold_wide",
        "sparse",
        "shipped_512x384",
        "seeding_128x120",
        "seeding_544x528",
        "shipped_2560x1920",
        "seeding_only_128x120",
        "seeding_only_544x528",
        "diffusion_only_512x384",
        "diffusion_only_2560x1920",
    ),
)
