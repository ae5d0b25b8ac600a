"""The continuum's Laplacian is not the lattice's: other physics."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    level="rounding",
    expected="rejected",
    because="−k² and −4 sin²(k/2) differ by k²/12 of themselves",
    cases=("odd_2d", "odd_3d", "slab", "plane_256", "packet_64"),
)
