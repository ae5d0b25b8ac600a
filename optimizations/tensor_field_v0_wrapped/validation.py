"""Neighbours wrap around where there were zeros: other physics than what was found."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    expected="rejected",
    because="sites at the rim see the opposite edge where the engine as found sees zeros",
    cases=("one_step", "axis_0", "kernel_flat", "field_8"),
)
