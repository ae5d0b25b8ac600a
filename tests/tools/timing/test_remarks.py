"""What is said of a case whose word is no stronger, or whose interval was widened."""

import math

import pytest

from groundspeed.tools.timing.remarks import AGAIN, remark

FASTER = {"ratio": 0.5, "low": 0.45, "high": 0.55, "between_width": math.log(0.55 / 0.45)}
FASTER |= {"cpu_ratio": 0.5, "cpu_low": 0.45, "cpu_high": 0.55, "control_off": 0.0, "off": 0}
FASTER |= {"least_effect": 0.01, "smallest_seen": 0.12, "modes": [], "order": {}, "processes": 8}
FASTER |= {"word": "FASTER"}
UNCLEAR = FASTER | {"word": "INCONCLUSIVE"}
CPU_OFF = {"cpu_ratio": 0.99, "cpu_low": 0.9, "cpu_high": 1.05}
SAID = {
    "processor time (1.01x) does not confirm the wall clock": CPU_OFF | {"high": 1.05},
    "the wall clock (1.03x) does not confirm": {"ratio": 0.97, "low": 0.9, "high": 1.04},
    "say the opposite": {"cpu_ratio": 2.0, "cpu_low": 1.9, "cpu_high": 2.1, "high": 2.1},
    "both clocks alone say FASTER": {"low": 0.2, "high": 1.25, "between_width": 0.1},
    "the interval holds 1: no difference, or one below 12 %": CPU_OFF
    | {"ratio": 0.98, "low": 0.9, "high": 1.05, "between_width": 0.15},
    "not clearly above 1.0 %": {"ratio": 0.98, "low": 0.96, "high": 0.995, "between_width": 0.036}
    | {"cpu_ratio": 0.98, "cpu_low": 0.96, "cpu_high": 0.995},
    "one process says nothing of others": {"processes": 1, "high": math.inf, "low": 0.0}
    | {"between_width": math.inf},
}


@pytest.mark.parametrize("words", SAID)
def test_the_reason_is_said_in_words(words):
    assert words in remark(UNCLEAR | SAID[words])


@pytest.mark.parametrize("words", SAID)
def test_a_remark_fits_a_line_and_has_no_endless_number(words):
    assert len(remark(UNCLEAR | SAID[words])) < 250


def test_what_another_measurement_could_settle_is_said():
    assert AGAIN in remark(UNCLEAR | CPU_OFF | {"high": 1.05})


WIDER = {"low": 0.4, "high": 0.625}
WHY = {
    "a control was off in 3 of 8 processes": {"off": 3, "control_off": 0.12},
    "the control is 12.0% off": {"control_off": 0.12},
    "by processor time it is 1.67x": {"cpu_ratio": 0.6, "cpu_low": 0.55, "cpu_high": 0.625},
    "processor time, or identical code in the same rounds, varies more": {},
}


@pytest.mark.parametrize("words", WHY)
def test_what_widened_an_interval_is_said(words):
    assert f"widened from [1.81, 2.21]: {words}" in remark(FASTER | WIDER | WHY[words])


def test_a_clear_word_needs_no_remark_but_that_processes_differ():
    assert remark(FASTER) == ""
    assert "two groups, at 1.67x and 2.50x" in remark(FASTER | {"modes": [0.4, 0.6]})
