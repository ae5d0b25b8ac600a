"""Each tile a torus of its own: other physics."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    expected="rejected",
    because="what leaves a tile at its edge comes back at the opposite edge of the same tile",
    cases=("shipped_64x48", "dense", "shipped_256x192"),
)
