"""As proposed: the field as a sparse tensor while few of its cells are active, and back.

Every cell that is not zero is stored, so nothing changes; the way there and back is extra work.
torch has no sparse transform, and after one diffusion hardly a cell is zero.
"""

from baselines.engine import Step, replace_stage
from baselines.probabilistic_field_v0.state import Working
from baselines.probabilistic_field_v0.transport import diffuse
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1 import engine as baseline
from baselines.probabilistic_field_v1.rules import CORRECTED

LEVEL, FEW = 0.01, 0.1


def through_sparse(case: FieldCase) -> Step:
    """The frozen diffusion, by way of a sparse tensor where few cells are active."""
    frozen = diffuse(CORRECTED, case)

    def run(state: Working) -> Working:
        few = int((state.E > LEVEL).sum()) < FEW * case.cells
        E = state.E.to_sparse().to_dense() if few else state.E
        return frozen(state._replace(E=E))

    return run


engine = replace_stage(baseline, diffuse=through_sparse)
