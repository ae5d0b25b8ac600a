"""On systems whose answer is known the judge is right where fixed tolerances are wrong."""

import pytest
import torch

from groundspeed.validation.calibration import heat, lorenz96
from groundspeed.validation.calibration.rule_table import (
    RULES,
    WANTED,
    by_the_judge,
    commonly,
    wanted,
)

torch.set_num_threads(1)
ENVELOPE = "max change <= 2x of 8 one-ulp starts"


@pytest.fixture(scope="module")
def common():
    """Rows of the table that look at the end of a run alone, from one start each."""
    return {"heat": commonly(heat, 0), "Lorenz-96": commonly(lorenz96, 0)}


def test_fixed_tolerances_are_wrong_in_both_directions(common):
    assert common["heat"]["allclose 1e-2"]["bug 1e-5"] == 3
    assert common["heat"]["allclose 1e-2"]["float16"] == 3
    assert common["heat"]["assert_close defaults"]["bug 1e-5"] == 3
    assert common["Lorenz-96"]["assert_close defaults"]["reordered"] < 3


def test_the_one_ulp_envelope_tells_right_from_wrong(common):
    for system, right in wanted(1).items():
        for name, accepted in right.items():
            assert common[system][ENVELOPE][name] == accepted
    assert set(RULES) == set(common["heat"])


@pytest.mark.parametrize(("system", "steps"), [(heat, 100), (lorenz96, 100)])
def test_the_judge_accepts_the_reordered_and_refuses_the_wrong(system, steps):
    found = by_the_judge(system, 1, steps)
    for name, right in WANTED.items():
        assert (not found[name].broken) is right, found[name].broken
    assert 0 < max(found["reordered"].shares["x"]) < 0.5
    assert len(found["reordered"].shares["x"]) >= 3


def test_coefficients_that_no_longer_sum_to_one_are_refused_by_the_judge():
    assert by_the_judge(heat, 0, 100)["refactor"].broken
