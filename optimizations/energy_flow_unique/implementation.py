"""As proposed: unique keys with their inverse, then maximum, exp and sums by scatter.

The key is sample·S + cell. Every number stays in the field's type, and so do the sums over a
group, one flow after another.

Negative result in float32: of a group of a thousand such sums part from the frozen pairwise
ones by more than rounding explains. `energy_flow_scatter` sums in float64.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from baselines.energy_flow_v1 import FlowCase, FlowState
from baselines.energy_flow_v1 import engine as baseline
from baselines.energy_flow_v1.collect import candidates, keys, result_rows, strengths
from baselines.engine import Step, replace_stage, same

Aggregates = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]  # as `in_field_type`


def in_field_type(output: Tensor, key: Tensor, energy: Tensor, strength: Tensor) -> Tensor:
    """``output`` [B·S] with Σ ω e added at each key, ω = softmax of strength inside it."""
    groups, inverse = torch.unique(key, return_inverse=True)
    none = strength.new_zeros(len(groups))
    highest = none.scatter_reduce(0, inverse, strength, "amax", include_self=False)
    weight = torch.exp(strength - highest[inverse])
    total = none.scatter_reduce(0, inverse, weight, "sum")
    return output.index_add(0, key, weight / (total[inverse] + 1e-12) * energy)


def gathering(aggregates: Aggregates) -> Callable[[FlowCase], Step]:
    """A builder of the collection around that aggregation."""

    def collect(case: FlowCase) -> Step:
        if not case.runs("collect"):
            return lambda state: same(case, state)

        def gather(state: FlowState) -> FlowState:
            rows = candidates(state)
            key = keys(case, state.sample[rows], state.position[rows])
            strength = strengths(state.energy[rows], state.position[rows, 2], state.steps[rows])
            output = torch.zeros_like(state.output).flatten()
            output = aggregates(output, key, state.energy[rows], strength)
            return state._replace(
                output=output.view(case.batch, case.cells),
                group=torch.full_like(state.group, -1).index_copy(0, rows, key),
                listed=state.listed.index_fill(0, rows, False),
                rows=result_rows(case, state.sample[rows]),
            )

        return gather

    return collect


engine = replace_stage(baseline, collect=gathering(in_field_type))
