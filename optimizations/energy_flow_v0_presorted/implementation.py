"""As proposed for objects: sort the flows by key, then group in a single pass.

The key of a flow is computed twice, once to sort and once to group, and the key is what costs.
"""

from collections.abc import Callable

import torch

from baselines.energy_flow_v0 import CellCase, Flow, Population
from baselines.energy_flow_v0 import engine as baseline
from baselines.energy_flow_v0.collect import (
    aggregate,
    candidates,
    key_of,
    key_table,
    result_rows,
)
from baselines.engine import Step, replace_stage, same


def grouped(case: CellCase, flows: list[Flow]) -> dict:
    """Flows by key: sorted, which is stable, then cut where the key changes."""
    groups, key, members = {}, None, []
    for flow in sorted(flows, key=lambda flow: key_of(case, flow.position)):
        other = key_of(case, flow.position)
        if other != key:
            if members:
                groups[key] = members
            key, members = other, [flow]
        else:
            members.append(flow)
    if members:
        groups[key] = members
    return groups


def collecting(group: Callable, combine: Callable) -> Callable[[CellCase], Step]:
    """A builder of the frozen collection around another grouping or aggregation."""

    def collect(case: CellCase) -> Step:
        if not case.runs("collect"):
            return lambda population: same(case, population)
        table = key_table(case)

        def gather(population: Population) -> Population:
            flows, collected = candidates(population), {}
            output = torch.zeros_like(population.output)
            for key, members in group(case, flows).items():
                sample, cell = members[0].sample, table[key]
                output[sample, cell] = combine(case, members)[0]
                for flow in members:
                    collected[flow.id] = sample * case.cells + cell
            rows = result_rows(case, flows)
            return population._replace(output=output, groups=collected, rows=rows)

        return gather

    return collect


engine = replace_stage(baseline, collect=collecting(grouped, aggregate))
