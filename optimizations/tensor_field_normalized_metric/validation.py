"""Another metric: other physics."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    level="rounding",
    expected="rejected",
    because="dividing the metric by its largest entry slows the field down by that factor",
    cases=("axis_0", "axis_1", "isotropic", "kernel_axis_0", "field_8_axis_0"),
)
