"""Zeros beyond the edge: other physics."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    expected="rejected",
    because="unfold pads with zeros, so the torus becomes a box with absorbing rims",
    cases=("one_step", "axis_0", "kernel_flat", "field_8", "field_28_axis_0"),
)
