"""As proposed: group with `torch.unique` over the index of the cell.

Negative result. The key lacks the sample, so flows of all samples that end at one cell are
mixed; the aggregate goes to the row of the first of them, where the dictionary put it.
"""

import torch

from baselines.energy_flow_v1 import FlowCase, FlowState
from baselines.energy_flow_v1 import engine as baseline
from baselines.energy_flow_v1.collect import aggregate, candidates, result_rows, strengths
from baselines.energy_flow_v1.geometry import cells
from baselines.engine import Step, replace_stage, same


def collect(case: FlowCase) -> Step:
    """The frozen collection with the proposed key."""
    if not case.runs("collect"):
        return lambda state: same(case, state)

    def gather(state: FlowState) -> FlowState:
        rows = candidates(state)
        position, energy, sample = state.position[rows], state.energy[rows], state.sample[rows]
        strength = strengths(energy, position[:, 2], state.steps[rows])
        cell = cells(position, case.width, case.height)
        unique, inverse = torch.unique(cell, return_inverse=True)
        output, group = torch.zeros_like(state.output), torch.full_like(state.group, -1)
        for number, where in enumerate(unique.tolist()):
            members = (inverse == number).nonzero().flatten()
            row = sample[members[0]]
            output[row, where] = aggregate(energy[members], strength[members])
            group[rows[members]] = row * case.cells + where
        listed = state.listed.clone()
        listed[rows] = False
        rows = result_rows(case, sample)
        return state._replace(output=output, group=group, listed=listed, rows=rows)

    return gather


engine = replace_stage(baseline, collect=collect)
