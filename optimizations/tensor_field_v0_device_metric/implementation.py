"""As proposed: the entries of the metric stay tensors, nothing waits for the host.

Against the engine as found, which reads them with `.item()`.
"""

import torch

from baselines.engine import Step, replace_stage
from baselines.tensor_field_v0 import engine as baseline
from baselines.tensor_field_v0.operators import laplacian, laplacian_x, laplacian_y
from baselines.tensor_field_v1 import TensorCase, TensorState
from baselines.tensor_field_v1.potential import potential


def apply_hamiltonian(case: TensorCase) -> Step:
    """Stage: H ← H[T], axes and edges as found."""
    V = potential(case)
    g = None if case.metric is None else torch.tensor(case.metric, dtype=torch.float64)

    def apply(state: TensorState) -> TensorState:
        T = state.T
        if g is None:
            curved = laplacian(T)
        else:
            curved = g[0] * laplacian_x(T) + g[1 if len(g) > 1 else 0] * laplacian_y(T)
        H = -(case.hbar * case.hbar / (2 * case.m)) * curved
        return state._replace(H=H if V is None else H + V * T)

    return apply


engine = replace_stage(baseline, hamiltonian=apply_hamiltonian)
