"""The tensor form with weights in bfloat16.

Negative result. Eight bits of mantissa resolve a weight to 4e-3: the weights of a group no
longer sum to 1, and the aggregate of equal energies is another energy.
"""

import torch
from torch import Tensor

from baselines.energy_flow_v1 import engine as baseline
from baselines.engine import replace_stage
from optimizations.energy_flow_unique.implementation import gathering


def coarse(output: Tensor, key: Tensor, energy: Tensor, strength: Tensor) -> Tensor:
    """``output`` [B·S] with Σ ω e added at each key, ω kept in bfloat16."""
    groups, inverse = torch.unique(key, return_inverse=True)
    none = strength.new_zeros(len(groups))
    highest = none.scatter_reduce(0, inverse, strength, "amax", include_self=False)
    weight = torch.exp(strength - highest[inverse]).to(torch.bfloat16)
    total = none.scatter_reduce(0, inverse, weight.to(none.dtype), "sum").to(torch.bfloat16)
    return output.index_add(0, key, (weight / total[inverse]).to(energy.dtype) * energy)


engine = replace_stage(baseline, collect=gathering(coarse))
