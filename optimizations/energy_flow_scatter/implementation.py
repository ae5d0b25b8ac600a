"""Collection without a loop: every flow adds to its own bin of a dense [B·S] buffer.

The key sample·S + cell is bounded by B·S, so nothing has to be sorted or made unique. Rows
that are not collected go to a bin before the first, which is cut off: shapes are fixed, and
no index of rows is built. Softmax is by the maximum of each bin, so a group of one
weighs exp(0)/1 and keeps its energy to the bit, and no energy overflows.

Sums run in float64: one after another in float32 they would part from the frozen pairwise
sum by 1e-5 in a group of a thousand.
"""

import torch
from torch import Tensor

from baselines.energy_flow_v1 import FlowCase, FlowState
from baselines.energy_flow_v1 import engine as baseline
from baselines.energy_flow_v1.collect import STEP_GAIN
from baselines.energy_flow_v1.geometry import UNKNOWN, distance
from baselines.engine import Step, replace_stage, same


def collect(case: FlowCase) -> Step:
    """Stage: output [B, S], the group of each flow, and the flows struck off the list."""
    if not case.runs("collect"):
        return lambda state: same(case, state)
    cell_of, bins = quantiser(case), case.batch * case.cells

    def gather(state: FlowState) -> FlowState:
        taken = state.completed & (state.plane != UNKNOWN)
        key = cell_of(state.position).add_(state.sample, alpha=case.cells).mul_(taken)
        strength = strengths(state.energy, distance(state.position[:, 2]), state.steps)
        output = aggregates(bins, key, state.energy, strength)
        return state._replace(
            output=output[1:].view(case.batch, case.cells),
            group=key.sub_(1),
            listed=state.listed > taken,
            rows=result_rows(case, taken, state.sample),
        )

    return gather


def quantiser(case: FlowCase):
    """1 + the cell of each flow, int64: bin 0 is left for those that are not collected.

    The frozen quantiser with a factor ½ moved, which is exact: the same cells to the bit.

    Raises:
        ValueError: more cells than whole numbers in the case's dtype.
    """
    if case.cells * torch.finfo(case.dtype).eps > 1:
        raise ValueError(f"{case.cells} cells; allowed: {1 / torch.finfo(case.dtype).eps:.0f}")
    like = {"dtype": case.dtype, "device": case.device}
    sides = torch.tensor([case.width - 1, case.height - 1], **like)
    half, none = sides / 2, torch.zeros(2, **like)
    pitch, first = torch.tensor([1, case.width], **like), torch.ones((), **like)

    def cell_of(position: Tensor) -> Tensor:
        index = position[:, :2].add(1).mul_(half).round_().clamp_(none, sides)
        return torch.addmv(first, index, pitch).long()

    return cell_of


def strengths(energy: Tensor, distance: Tensor, steps: Tensor) -> Tensor:
    """a = |e| / (1 + d) · (1 + 0.1 s)."""
    near = energy.abs().div_(distance + 1)
    return torch.addcmul(near, near, steps.to(energy.dtype), value=STEP_GAIN)


def aggregates(bins: int, key: Tensor, energy: Tensor, strength: Tensor) -> Tensor:
    """Σ ω e with ω = softmax(a) inside each bin, [bins + 1]; 0 of an empty one."""
    highest = strength.new_full((bins + 1,), -torch.inf)
    highest.scatter_reduce_(0, key, strength, "amax")
    weight = strength.sub(highest.index_select(0, key)).exp_().double()
    sums = torch.zeros(2, bins + 1, dtype=torch.float64, device=energy.device)
    sums[0].scatter_add_(0, key, weight)
    sums[1].scatter_add_(0, key, weight.mul_(energy))
    # the strongest of a group weighs 1, so only empty bins are below it
    return sums[1].div_(sums[0].clamp_min_(1)).to(energy.dtype)


def result_rows(case: FlowCase, taken: Tensor, sample: Tensor) -> Tensor:
    """Rows of the result before it is padded to B, 0-d int64."""
    if not case.rules.keeps("rows"):
        return torch.tensor(case.batch, device=sample.device)
    return torch.where(taken, sample, 0).max() + 1


engine = replace_stage(baseline, collect=collect)
