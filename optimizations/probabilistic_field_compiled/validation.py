"""Fused loops keep every operation: no further from the truth."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="fusing loops moves no rounding: the compiler is told not to contract a·b + c; "
    "transforms go axis by axis",
    # each shape and branch is compiled anew, so this is a choice: a sparse and a dense
    # field, nodes that meet at both edges, and all that the clock measures
    cases=(
        "cold_wide",
        "sparse",
        "shipped_512x384",
        "seeding_128x120",
        "seeding_544x528",
        "shipped_2560x1920",
        "seeding_only_128x120",
        "seeding_only_544x528",
    ),
)
