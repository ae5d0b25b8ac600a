"""Baseline decisions that rounding can flip.

A whole number or a branch is exact, but what it was decided by is not: another processor adds in
another order, and one of a million cells falls on the other side of a threshold. How many may is
measured, not chosen: the baseline runs again, from its own start on, with every result
rounded at random (`random_rounding`), and what those runs decide otherwise, times `TWO_SIDES` since
two right answers lie on either side, is what a machine may.
"""

import torch

from groundspeed.baselines.engine import Case, Engine, State, fields
from groundspeed.validation.reference.distance import inexact
from groundspeed.validation.reference.trajectory import rounded

TWO_SIDES = 2
MEMBERS = 4  # randomly rounded runs


def decisions(kept: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The fields that hold whole numbers or branches."""
    return {n: t for n, t in kept.items() if not inexact(t)}


def flips(one: torch.Tensor, other: torch.Tensor) -> int:
    """How many of the decisions differ: all, where there are more of one than of the other."""
    if one.shape != other.shape:
        return max(one.numel(), other.numel())
    return int((one != other).sum())


def allowed_flips(engine: Engine, case: Case, end: State, kept) -> dict[str, int]:
    """How many decisions of each field may come out otherwise at the end of a case.

    Args:
        end: the engine's own, here.
        kept: what of a state is looked at, as named tensors: `kept(state)`.
    """
    own, most = decisions(kept(end)), dict.fromkeys(fields(end), 0)
    run, start = engine.runner(case), engine.initial(case)
    for seed in range(MEMBERS):
        other = rounded(run, seed)(start, case.steps)
        for name, theirs in decisions(kept(other)).items():
            most[name] = max(most[name], TWO_SIDES * flips(own[name], theirs))
    return most
