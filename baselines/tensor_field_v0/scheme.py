"""The step as found: its own Hamiltonian before the stages that version 1 shares."""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.engine import Stage, Step
from baselines.tensor_field_v1.diagnostics import energy_without_transpose
from baselines.tensor_field_v1.potential import potential
from baselines.tensor_field_v1.scheme import advance, remember, weigh_evidence
from baselines.tensor_field_v1.state import TensorCase, TensorState

from .operators import hamiltonian


def apply_hamiltonian(case: TensorCase) -> Step:
    """Stage: H ← H[T; g, V], the metric taken as it comes."""
    V = potential(case)
    metric = None if case.metric is None else torch.tensor(case.metric, dtype=torch.float64)

    def apply(state: TensorState) -> TensorState:
        return state._replace(H=hamiltonian(state.T, case.hbar, case.m, metric, V))

    return apply


def energy(case: TensorCase, state: TensorState) -> Tensor:
    """The energy as found: no transpose, and the H of the T before the last step.

    Raises:
        ValueError: D ≠ D_out.
    """
    return energy_without_transpose(state.T, state.H)


STAGES = (
    Stage("hamiltonian", apply_hamiltonian),
    Stage("bayesian", weigh_evidence),
    Stage("memory", remember),
    Stage("advance", advance),
)
