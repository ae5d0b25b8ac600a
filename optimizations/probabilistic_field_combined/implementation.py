"""All that was accepted at once: native sweeps around native convolutions."""

from dataclasses import replace

from optimizations.probabilistic_field_blocked.stepping import stepping
from optimizations.probabilistic_field_numba.implementation import engine as sweeps
from optimizations.probabilistic_field_numba.implementation import native
from optimizations.probabilistic_field_separable.implementation import diffusion

engine = replace(
    sweeps, stepper=stepping(native, diffusion), opaque="native sweeps and convolutions"
)
