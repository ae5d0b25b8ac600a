"""The whole step as torch calls on blocks of rows in cache, in place; FFTs axis by axis."""

from dataclasses import replace

from baselines.probabilistic_field_v1 import engine as baseline

from .diffusion import by_axes
from .stepping import canonical, stepping
from .sweeps import eager

engine = replace(
    baseline,
    stepper=stepping(eager, by_axes),
    adopt=canonical,
    observe=canonical,
    in_place=True,
)
