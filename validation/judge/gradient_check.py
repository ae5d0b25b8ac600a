"""Checks gradients of the final state with respect to the initial state, where a claim has any."""

import torch

from groundspeed.validation.judge.compare import exact_distance, report
from groundspeed.validation.records.codes import Code
from groundspeed.validation.reference.distance import distance
from groundspeed.validation.reference.envelope import FACTOR
from groundspeed.validation.reference.gradients import own_gradients
from groundspeed.validation.reference.trajectory import checkpoints, like


def check_gradients(data, claim, candidate, result) -> None:
    """Compares the candidate's gradients with the baseline's.

    Level "exact" compares bits. Otherwise the reference is the gradient in the widest type, and
    the candidate may be FACTOR times as far from it as the baseline is, but never less than the
    rounding of its largest element.
    """
    if not claim.differentiable:
        return
    wrt, start = list(claim.differentiable), data.reference.start
    steps = checkpoints(data.case, claim.engine.stride)[0]
    want = own_gradients(data.base, data.case, start, steps, wrt)
    wide = data.case.truth
    true = own_gradients(data.base, wide, like(start, data.base.initial(wide)), steps, wrt)
    got = candidate.gradients(data.name, start, steps, claim.differentiable)
    for name in wrt:
        result.checks += 1
        if claim.level == "exact":
            off, allowed = exact_distance(got[name], want[name]).largest, 0.0
        else:
            off = distance(got[name], true[name]).largest
            floor = torch.finfo(got[name].dtype).eps * float(true[name].abs().max())
            allowed = FACTOR * max(distance(want[name], true[name]).largest, floor)
        if not off <= allowed:
            report(
                result,
                Code.GRADIENT,
                f"gradient by {name} after {steps} steps: off by {off:.3g}, allowed {allowed:.3g}",
            )
