"""The collection as two Triton kernels over flows, where the frozen engine loops over groups.

The first finds cell and weight of every flow and the strongest of each group, the second adds
up; both by atomic operations on a dense row of bins. The other stages are the frozen ones.
"""

from dataclasses import replace

from baselines.device import on_device
from baselines.energy_flow_v1 import FlowCase
from baselines.energy_flow_v1 import engine as baseline
from baselines.engine import Step, replace_stage, same


def collect(case: FlowCase) -> Step:
    """Stage: output [B, S], the group of each flow, and the flows struck off the list."""
    if not case.runs("collect"):
        return lambda state: same(case, state)
    from .kernels import gather  # late: Triton is there where a GPU is

    return gather(case)


engine = replace(
    on_device(replace_stage(baseline, collect=collect), "cuda"),
    needs=("cuda", "triton"),
    opaque="two Triton kernels a collection",
)
