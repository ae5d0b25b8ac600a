"""Gradients of the final state with respect to the initial state.

    J = Σ_fields Σ_cells w · end,   w = cos(1, 2, 3, …)

A fixed weighting of all that moves: one backward pass gives dJ/d(start field), and no cell
can hide, because no two weights are alike.
"""

from collections.abc import Callable

import torch

from groundspeed.baselines.engine import Case, Engine, State


def objective(end: State) -> torch.Tensor:
    """J of a state."""
    total = torch.zeros((), dtype=torch.float64)
    for tensor in end:
        if tensor.is_complex():
            tensor = torch.view_as_real(tensor)
        if tensor.is_floating_point() and tensor.numel():
            wide = tensor.reshape(-1).double()
            total = total + (wide * torch.arange(1, wide.numel() + 1).double().cos()).sum()
    return total


def objective_gradients(
    run: Callable[[State], State], start: State, wrt: list[str]
) -> dict[str, torch.Tensor]:
    """dJ/d(field) of ``run(start)`` for each of the named fields.

    Raises:
        ValueError: the end does not depend on one of them by any path that torch can follow.
    """
    leaf = {name: getattr(start, name).clone().requires_grad_() for name in wrt}
    value = objective(run(start._replace(**leaf)))
    if not value.requires_grad:
        raise ValueError(f"no gradient by {wrt}: the step leaves torch's tape")
    found = torch.autograd.grad(value, [leaf[name] for name in wrt], allow_unused=True)
    lost = [name for name, g in zip(wrt, found, strict=True) if g is None]
    if lost:
        raise ValueError(f"no gradient by {lost}: the step leaves torch's tape")
    return dict(zip(wrt, found, strict=True))


def own_gradients(engine: Engine, case: Case, start: State, steps: int, wrt: list[str]) -> dict:
    """Of the engine itself."""
    run = engine.runner(case)
    return objective_gradients(lambda state: run(state, steps), start, wrt)
