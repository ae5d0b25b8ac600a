"""The sweeps as the first loops that one writes under `@njit`: one loop for one thing.

A yardstick, not a proposal: what numba gives before anybody thinks about rows in cache. Loops of
`probabilistic_field_numba` that are plain already (taking the flow, births and deaths) are shared;
neighbours, decay and workspace are written out. Transforms stay torch's: numba has none.
"""

from baselines.engine import replace
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1 import engine as baseline
from optimizations.probabilistic_field_blocked.stepping import (
    Sweeps,
    advancing,
    canonical,
    stepping,
)
from optimizations.probabilistic_field_cached_transfer.implementation import spectral
from optimizations.probabilistic_field_numba.implementation import native

from .loops import field_loops
from .nodes import workspace


def looped(case: FieldCase) -> Sweeps:
    """All sweeps as loops over cells or nodes."""
    net_flow, turn, decay = field_loops(case)
    do = native(case)
    return do._replace(
        net_flow=net_flow,
        advance=advancing(turn, do.populated),
        decay=decay,
        workspace=workspace(case),
        early=slice(None),
    )


engine = replace(
    baseline,
    stepper=stepping(looped, spectral),
    adopt=canonical,
    observe=canonical,
    in_place=True,
    needs=("numba",),
    opaque="native sweeps",
)
