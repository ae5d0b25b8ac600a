"""What is said of a case whose word is no stronger."""

import pytest

from groundspeed.tools.timing.remarks import AGAIN, remark

FASTER = {"ratio": 0.5, "low": 0.45, "high": 0.55, "cpu_ratio": 0.5, "cpu_low": 0.4}
FASTER |= {"cpu_high": 0.6, "least_effect": 0.01, "smallest_seen": 0.12, "modes": []}
UNCLEAR = FASTER | {"word": "INCONCLUSIVE"}
SAID = {
    "processor time (0.990) does not confirm": {"cpu_ratio": 0.99, "cpu_high": 1.01},
    "the wall clock (0.970) does not confirm": {"ratio": 0.97, "high": 1.02},
    "say the opposite": {"cpu_ratio": 2.0, "cpu_low": 1.9, "cpu_high": 2.1},
    "the interval holds 1: no difference, or one below 12 %": {"high": 1.05, "cpu_high": 1.04},
    "not clearly above 30.0 %": {"least_effect": 0.3, "low": 0.7, "high": 0.8, "cpu_high": 0.9},
}


@pytest.mark.parametrize("words", SAID)
def test_the_reason_is_said_in_words(words):
    assert words in remark(UNCLEAR | SAID[words])


def test_what_another_measurement_could_settle_is_said():
    assert AGAIN in remark(UNCLEAR | {"cpu_high": 1.01})


def test_a_clear_word_needs_no_remark_but_that_processes_differ():
    assert remark(FASTER | {"word": "FASTER"}) == ""
    assert "two groups, at 0.400 and 0.600" in remark(
        FASTER | {"word": "FASTER", "modes": [0.4, 0.6]}
    )
