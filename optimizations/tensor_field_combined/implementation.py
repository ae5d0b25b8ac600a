"""Every accepted stage together: native sweep, table of memory weights, drive made once.

Prior, evidence and current never move, so Λ + J is made when the state is taken over.
"""

from baselines.engine import replace
from optimizations.tensor_field_numba.implementation import adopt_driven
from optimizations.tensor_field_numba.implementation import engine as native

engine = replace(native, adopt=adopt_driven)
