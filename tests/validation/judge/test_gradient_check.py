"""Where a claim says that the step can be differentiated, its gradients are held to it."""

from dataclasses import replace

import pytest
import torch

from groundspeed.baselines.engine import Stage
from groundspeed.validation.calibration import heat
from groundspeed.validation.calibration.rule_table import InProcess
from groundspeed.validation.claims import Agreement
from groundspeed.validation.judge.case_reference import CaseReference
from groundspeed.validation.judge.findings import CaseResult
from groundspeed.validation.judge.gradient_check import check_gradients

torch.set_num_threads(1)


def found(rule, level="rounding"):
    base = heat.engine(20, 0)
    other = heat.engine(20, 0, rule=rule)
    claim = Agreement(engine=other, level=level, because="a test", differentiable=("x",))
    result = CaseResult()
    check_gradients(CaseReference(base, "bar", base.cases["bar"]), claim, InProcess(other), result)
    return result.broken


def test_right_gradients_are_accepted():
    assert not found(heat.increment, "exact")
    assert not found(heat.reordered)


def detached(x, c):
    return heat.increment(x, c) + 0.01 * (x.detach() - x)


def test_a_wrong_gradient_is_refused_though_the_values_are_nearly_right():
    assert any("gradient by x" in line for line in found(detached))


def test_a_step_that_leaves_the_tape_says_so():
    with pytest.raises(ValueError, match="leaves torch's tape"):
        found(lambda x, c: heat.increment(x.detach(), c))


def test_stages_are_differentiated_through():
    base = heat.engine(4, 0)
    twice = replace(base, stages=(*base.stages, Stage("idle", lambda case: lambda s: s)))
    claim = Agreement(engine=twice, level="exact", because="a test", differentiable=("x",))
    result = CaseResult()
    check_gradients(CaseReference(base, "bar", base.cases["bar"]), claim, InProcess(twice), result)
    assert not result.broken
    assert result.checks == 1
