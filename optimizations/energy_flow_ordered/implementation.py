"""The sound form of unique keys: sorted once, sums in float64, the same order on every device.

Flows are sorted by key, stably, so every group is one segment in the order of its rows and
the result does not depend on the order in which threads arrive.
"""

import torch
from torch import Tensor

from baselines.energy_flow_v1 import engine as baseline
from baselines.engine import replace_stage
from optimizations.energy_flow_unique.implementation import gathering


def by_segments(output: Tensor, key: Tensor, energy: Tensor, strength: Tensor) -> Tensor:
    """``output`` [B·S] with Σ ω e at each key, ω = softmax of strength inside it."""
    if len(key) == 0:
        return output
    key, order = key.sort(stable=True)
    groups, lengths = torch.unique_consecutive(key, return_counts=True)
    strength, energy = strength[order].double(), energy[order].double()
    highest = torch.segment_reduce(strength, "max", lengths=lengths)
    weight = torch.exp(strength - highest.repeat_interleave(lengths))
    total = torch.segment_reduce(weight, "sum", lengths=lengths)
    weighted = torch.segment_reduce(weight * energy, "sum", lengths=lengths)
    return output.index_copy(0, groups, (weighted / total).to(output.dtype))


engine = replace_stage(baseline, collect=gathering(by_segments))
