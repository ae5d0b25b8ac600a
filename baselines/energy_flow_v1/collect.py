"""The end of a forward: completed flows grouped by sample and cell, and aggregated.

Written as the reviewed engine had it: keys in one tensor operation, then a loop over groups.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from baselines.engine import Step, same

from .case import FlowCase
from .geometry import UNKNOWN, cells, distance
from .state import FlowState

STEP_GAIN = 0.1  # of the weight, per update


def collect(case: FlowCase) -> Step:
    """Stage: output [B, S], the group of each flow, and the flows struck off the list."""
    if not case.runs("collect"):
        return lambda state: same(case, state)

    def gather(state: FlowState) -> FlowState:
        rows = candidates(state)
        key = keys(case, state.sample[rows], state.position[rows])
        strength = strengths(state.energy[rows], state.position[rows, 2], state.steps[rows])
        output = aggregates(case, state.energy[rows], strength, key)
        group = torch.full_like(state.group, -1)
        group[rows] = key
        listed = state.listed.clone()
        listed[rows] = False
        return state._replace(
            output=output.reshape(case.batch, case.cells),
            group=group,
            listed=listed,
            rows=result_rows(case, state.sample[rows]),
        )

    return gather


def candidates(state: FlowState) -> Int[Tensor, " n"]:
    """Rows of completed flows whose plane is known, int64."""
    return (state.completed & (state.plane != UNKNOWN)).nonzero().flatten()


def keys(case: FlowCase, sample: Tensor, position: Tensor) -> Int[Tensor, " n"]:
    """sample·S + cell, int64 in [0, B·S).

    Raises:
        ValueError: samples that do not exist; positions as in `cells`.
    """
    if len(sample) and not 0 <= int(sample.min()) <= int(sample.max()) < case.batch:
        raise ValueError(
            f"samples run from {int(sample.min())} to {int(sample.max())}; "
            f"allowed: 0 to {case.batch - 1}"
        )
    return sample * case.cells + cells(position, case.width, case.height)


def strengths(energy: Tensor, z: Tensor, steps: Tensor) -> Float[Tensor, " n"]:
    """a = |e| · 1/(1 + d) · (1 + 0.1 s) with d from the stored z; dimensionless."""
    return energy.abs() * (1 / (1 + distance(z))) * (1 + STEP_GAIN * steps.to(energy.dtype))


def aggregates(
    case: FlowCase, energy: Tensor, strength: Tensor, key: Tensor
) -> Float[Tensor, " b*cells"]:
    """The aggregate of every group at its key, 0 where there is none."""
    output = torch.zeros(case.batch * case.cells, dtype=energy.dtype, device=energy.device)
    groups, inverse = torch.unique(key, return_inverse=True)
    for number, group in enumerate(groups.tolist()):
        members = inverse == number
        output[group] = aggregate(energy[members], strength[members])
    return output


def aggregate(energy: Float[Tensor, " n"], strength: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """E = Σ ω e with ω = softmax(a) inside the group; a group of one is its own energy.

    Raises:
        ValueError: an empty group, or shapes or dtypes that differ.
    """
    if energy.ndim != 1 or energy.shape != strength.shape or energy.dtype != strength.dtype:
        raise ValueError(
            f"energy is {energy.dtype} {tuple(energy.shape)}, strength {strength.dtype} "
            f"{tuple(strength.shape)}; allowed: two rows of one length and dtype"
        )
    if len(energy) == 0:
        raise ValueError("a group of 0 flows; allowed: at least 1")
    if len(energy) == 1:
        return energy[0]
    return (torch.softmax(strength, dim=0) * energy).sum()


def result_rows(case: FlowCase, sample: Tensor) -> Tensor:
    """Rows of the result before it is padded to B: as found 1 + the last sample, at least 1."""
    if not case.rules.keeps("rows"):
        count = case.batch
    else:
        count = int(sample.max()) + 1 if len(sample) else 1
    return torch.tensor(count, device=sample.device)
