"""Unfolded patches in place of repeated kernels, neighbours wrapping around."""

from functools import partial

from baselines.engine import replace_stage
from baselines.tensor_field_v1 import engine as baseline
from optimizations.tensor_field_cached_kernels.implementation import applied
from optimizations.tensor_field_unfold.implementation import curvature

engine = replace_stage(baseline, hamiltonian=applied(partial(curvature, wrapped=True)))
