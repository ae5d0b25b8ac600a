"""What lies below the level is dropped: other physics."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    expected="rejected",
    because="cells below the level lose what they hold at every step, and the negative "
    "tails of the diffusion with it",
    cases=("shipped_64x48", "dense", "power_of_two_64x64"),
)
