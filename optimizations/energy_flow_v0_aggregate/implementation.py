"""As proposed: the aggregation of a group with tensors "pre-allocated" and other names.

Each tensor is still built for each group, the operations are the frozen ones, and a group of
one was treated apart before.
"""

import torch
from torch import Tensor

from baselines.energy_flow_v0 import CellCase, Flow
from baselines.energy_flow_v0 import engine as baseline
from baselines.energy_flow_v0.collect import grouped
from baselines.engine import replace_stage
from optimizations.energy_flow_v0_presorted.implementation import collecting


def combined(case: CellCase, flows: list[Flow]) -> Tensor:
    """The aggregate of a group as proposed, [1]."""
    if len(flows) == 1:
        return flows[0].energy
    energies = torch.stack([flow.energy for flow in flows])
    distances = torch.tensor([flow.distance for flow in flows], dtype=case.dtype)
    steps = torch.tensor([flow.steps for flow in flows], dtype=case.dtype)
    magnitudes = torch.linalg.vector_norm(energies, dim=-1)
    proximity_factors = 1.0 / (1.0 + distances)
    steps_factors = 1.0 + steps * 0.1
    weights_raw = magnitudes * proximity_factors * steps_factors
    weights = torch.softmax(weights_raw, dim=0)
    return (energies * weights.unsqueeze(-1)).sum(dim=0)


engine = replace_stage(baseline, collect=collecting(grouped, combined))
