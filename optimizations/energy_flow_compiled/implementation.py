"""The collection by dense bins as two compiled loops: keys and strengths, then the sums.

`dynamic=False`: a second size in the same process would otherwise switch to symbolic shapes.
"""

from dataclasses import replace

import torch

from baselines.energy_flow_v1 import FlowCase, FlowState
from baselines.energy_flow_v1 import engine as baseline
from baselines.energy_flow_v1.geometry import UNKNOWN, distance
from baselines.engine import Step, replace_stage, same


def collect(case: FlowCase) -> Step:
    """Stage: output [B, S], the group of each flow, and the flows struck off the list."""
    if not case.runs("collect"):
        return lambda state: same(case, state)
    if not case.rules.keeps("rows"):
        raise ValueError("rule rows is 'repaired'; allowed: 'as found'")
    torch._dynamo.reset()
    fused = torch.compile(whole(case), dynamic=False, fullgraph=True)

    def gather(state: FlowState) -> FlowState:
        names = ("position", "energy", "steps", "sample", "plane", "completed", "listed")
        output, group, listed, rows = fused(*(getattr(state, name) for name in names))
        return state._replace(output=output, group=group, listed=listed, rows=rows)

    return gather


def whole(case: FlowCase):
    """All of the collection as one function of tensors."""
    bins = case.batch * case.cells

    def axis(p, largest):
        return (((p + 1) * 0.5) * largest).round().clamp(0, largest).long()

    def computed(position, energy, steps, sample, plane, completed, listed):
        taken = completed & (plane != UNKNOWN)
        cell = axis(position[:, 1], case.height - 1) * case.width
        key = sample * case.cells + (cell + axis(position[:, 0], case.width - 1))
        bin = torch.where(taken, key, bins)
        near = energy.abs() / (1 + distance(position[:, 2]))
        strength = near * (1 + 0.1 * steps.to(energy.dtype))
        highest = strength.new_full((bins + 1,), -torch.inf)
        highest = highest.scatter_reduce(0, bin, strength, "amax")
        weight = (strength - highest[bin]).exp().double()
        none = weight.new_zeros(bins + 1)
        total, weighted = none.index_add(0, bin, weight), none.index_add(0, bin, weight * energy)
        output = (weighted / total.clamp_min(1)).to(energy.dtype)[:bins]
        rows = torch.where(taken, sample, 0).max() + 1
        group = torch.where(taken, key, -1)
        return output.view(case.batch, case.cells), group, listed & ~taken, rows

    return computed


engine = replace(
    replace_stage(baseline, collect=collect),
    needs=("compiler",),
    opaque="compiled loops",
)
