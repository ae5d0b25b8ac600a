"""Other precision within a declared error: never a speedup of the float64 engine."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="approximate",
    because="leapfrog adds an increment of about 1e-3 of E a step and float32 rounds it at 6e-8 of "
    "E: the error grows to some 1e-6 in a hundred steps",
    cases=("slab", "plane_256", "packet_64", "packet_128"),
    budget={
        "E": 1e-5,
        "E_prev": 1e-5,
        # measured 2.9e-7, 3.5e-6 and 1.9e-5 on plane_256, less on slab
        "exact invariant": 8e-7,
        "time reversal": 1e-5,
        "lattice dispersion": 5e-5,
    },
    loosened="laws had no budget before, and were held to the exact engine's own rounding, "
    "which an approximation cannot keep; the error of the fields is allowed no more than it was",
)
