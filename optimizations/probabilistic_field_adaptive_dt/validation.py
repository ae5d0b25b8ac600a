"""Another time step: other physics in every frame."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    expected="rejected",
    because="a frame then simulates another time, while the frozen rates are per frame of 0.01",
    cases=("flow_dense", "dense", "shipped_64x48"),
)
