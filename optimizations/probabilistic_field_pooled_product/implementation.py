"""As proposed: a buffer kept from step to step for the product of energy and density.

Only that one of many temporaries, through `out=`; the rest of the flow is the frozen one.
`probabilistic_field_blocked` keeps buffers for all of them.
"""

import torch

from baselines.engine import Step, replace_stage
from baselines.probabilistic_field_v0.cells import bounded
from baselines.probabilistic_field_v0.rules import (
    ACTIVITY,
    FLOW_DENSE,
    FLOW_RATE,
    MOBILITY,
)
from baselines.probabilistic_field_v0.state import Working, decide, fraction, measure
from baselines.probabilistic_field_v0.transport import neighbourhood, take_flow
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1 import engine as baseline


def pooled(case: FieldCase) -> Step:
    """The flow stage with one buffer."""
    around, rate = neighbourhood(case, periodic=True), FLOW_RATE * case.dt
    product = torch.empty(case.shape, dtype=case.dtype, device=case.device)

    def run(state: Working) -> Working:
        load = bounded(torch.mul(state.R, state.E, out=product))
        sent = load * torch.clamp(1 + state.P, *MOBILITY)
        net = bounded(bounded(bounded(around(sent)) * rate) - bounded(sent * rate))
        moving = net.abs() > ACTIVITY
        a = fraction(moving)
        dense = a >= FLOW_DENSE
        return state._replace(
            E=take_flow(state.E, net, moving, dense),
            moving=moving,
            fractions=measure(state, active=a),
            branches=decide(state, flow_dense=dense),
        )

    return run


engine = replace_stage(baseline, flow=pooled)
