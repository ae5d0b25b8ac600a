"""Half the resolution where the field is small: other physics within a declared error."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="approximate",
    because="what is left to the coarse grid is a thousandth of the field, and interpolating there "
    "misses its curvature: second order in the spacing, some 1e-3 of the whole",
    cases=("packet_128",),
    budget={"E": 5e-3, "E_prev": 5e-3},
)
