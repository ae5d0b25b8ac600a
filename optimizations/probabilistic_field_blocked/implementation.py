"""The whole step as torch calls on blocks of rows in cache, in place, between the FFTs."""

from dataclasses import replace

from baselines.probabilistic_field_v1 import engine as baseline
from optimizations.probabilistic_field_cached_transfer.implementation import spectral

from .stepping import canonical, stepping
from .sweeps import eager

engine = replace(
    baseline,
    stepper=stepping(eager, spectral),
    adopt=canonical,
    observe=canonical,
    in_place=True,
)
