"""Every accepted stage together: native sweep, table of memory weights, drive made once.

Prior, evidence and current never move, so Λ + J is made when the state is taken over.
"""

from optimizations.tensor_field_blocked.planes import adopt_driven
from optimizations.tensor_field_blocked.planes import engine as swept
from optimizations.tensor_field_numba.implementation import sweep

engine = swept(
    sweep, adopt=adopt_driven, needs=("numba",), opaque="one native kernel a step"
)  # fmt: skip
