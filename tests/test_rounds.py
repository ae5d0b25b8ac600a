"""What a timing process does around its rounds, with contenders that only count."""

import random
from types import SimpleNamespace

import pytest

from tools.rounds import AUDIT_S, AUDITS, Rounds


class Counting:
    """Its first block after a start takes ten times as long as the others."""

    extra = 0

    def __init__(self):
        self.since_start = 0
        self.made = 0

    def restart(self, start=None):
        self.since_start = 0

    def make(self, steps):
        took = 1e-2 if self.since_start else 1e-1
        self.since_start += steps
        self.made += 1
        return took, took


def rounds(case_steps, block_steps, told):
    contender = Counting()
    made = Rounds(
        SimpleNamespace(steps=case_steps), {"it": contender}, [], block_steps,
        random.Random(0), told.append, None, None, {},
    )  # fmt: skip
    return made, contender


def audited(case_steps, block_steps):
    """What an audit says after rounds of one pass."""
    told = []
    made, contender = rounds(case_steps, block_steps, told)
    contender.restart()
    blocks = case_steps // block_steps
    made.found = [{"it": contender.make(block_steps)} for _ in range(blocks)]
    made.audit("it")
    assert contender.since_start <= case_steps
    begun, ends = told[::2], told[1::2]
    assert begun == [{"begin": "it"}] * len(ends)
    assert all(end == pytest.approx(ends[0]) for end in ends)
    blocks = round(ends[0]["end"] / min(w for found in made.found for w, _ in found.values()))
    assert len(ends) == (1 if ends[0]["expected"] / blocks > AUDIT_S else AUDITS)
    return ends[0]


def test_an_audit_is_not_charged_with_the_memory_of_a_start():
    end = audited(case_steps=20, block_steps=4)
    assert end["end"] == pytest.approx(end["expected"])


def test_an_audit_of_one_block_a_pass_is_as_cold_as_its_rounds():
    end = audited(case_steps=5, block_steps=4)
    assert end["end"] == pytest.approx(end["expected"])
    assert end["expected"] == pytest.approx(0.1)


def test_an_audit_stays_within_the_trajectory():
    end = audited(case_steps=8, block_steps=4)
    assert end["end"] == pytest.approx(1e-2)
