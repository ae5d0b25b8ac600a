"""One Triton kernel a step, in place: one pass over the GPU's memory, every bit kept.

E is read, E_prev is read and written, which is the least that a step can move; the eager engine
makes some twenty passes. Products and sums are not contracted to a·b + c, and stand in the frozen
order, so each cell rounds as it does on a processor.
"""

from dataclasses import replace

from baselines.device import on_device
from baselines.engine import Step, replace_stage
from baselines.lattice_field_v1 import LatticeCase
from baselines.lattice_field_v1 import engine as baseline


def leapfrog(case: LatticeCase) -> Step:
    """The field stage."""
    from .kernels import field  # late: Triton is there where a GPU is

    return field(case)


engine = replace(
    on_device(replace_stage(baseline, field=leapfrog), "cuda"),
    in_place=True,
    needs=("cuda", "triton"),
    opaque="one Triton kernel a step",
)
