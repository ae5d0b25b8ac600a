"""What a timing process does around its rounds, with contenders that only count."""

from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch

from groundspeed.baselines.engine import Case, Engine, Stage
from groundspeed.tools.timing.interleaved import AUDITS, Rounds
from groundspeed.tools.timing.runners import Control, Runner
from groundspeed.validation import discovery


class Counting:
    """Its first block after a start takes ten times as long as the others."""

    extra = 0

    def __init__(self, steps):
        self.case = SimpleNamespace(steps=steps)
        self.since_start = 0
        self.made = 0

    def restart(self, start=None):
        self.since_start = 0
        return 0.0, 0.0

    def make(self, steps):
        took = 1e-2 if self.since_start else 1e-1
        self.since_start += steps
        self.made += 1
        return took, took


def rounds(case_steps, block_steps, told, seeds, agreed=True):
    runner = Counting(case_steps)
    starts = SimpleNamespace(fresh=seeds.append)

    def tell(words):
        if "fresh" in words:
            return words["fresh"]
        told.append(words)
        return agreed if "end" in words else None

    return Rounds({"baseline": runner}, [], block_steps, 0, tell, starts, {}), runner


def audited(case_steps, block_steps, agreed=True):
    """What an audit says after rounds of one pass, which the parent agrees with or does not."""
    told, seeds = [], []
    made, runner = rounds(case_steps, block_steps, told, seeds, agreed)
    runner.restart()
    blocks = case_steps // block_steps
    made.fastest["baseline"] = min(runner.make(block_steps)[0] for _ in range(blocks))
    made.audit("baseline")
    assert seeds == ["audit"] * (len(told) // 2), "each starts from values of its own"
    assert runner.since_start <= case_steps
    begun, ends = told[::2], told[1::2]
    assert begun == [{"begin": "baseline"}] * len(ends)
    assert all(end["expected"] == ends[0]["expected"] for end in ends)
    assert len(ends) == (1 if agreed else AUDITS)
    return {"end": ends[0]["end"]["baseline"][0], "expected": ends[0]["expected"]}


def test_an_audit_is_not_charged_with_the_memory_of_a_start():
    end = audited(case_steps=20, block_steps=4)
    assert end["end"] == pytest.approx(end["expected"])


def test_an_audit_that_the_parent_disagrees_with_is_made_again():
    assert audited(case_steps=20, block_steps=4, agreed=False)["expected"] > 0


def test_contenders_are_audited_where_the_parent_says_so_after_the_rounds():
    for wanted in (True, False):
        told = []
        made, runner = rounds(20, 4, told, [])
        runner.restart()
        made.fastest["baseline"] = runner.make(4)[0]
        plain = made.tell
        made.tell = lambda words, plain=plain, wanted=wanted: (
            wanted if "audit" in words else plain(words)
        )
        made.audits()
        assert bool(told) is wanted


def test_an_audit_of_one_block_a_pass_is_as_cold_as_its_rounds():
    end = audited(case_steps=5, block_steps=4)
    assert end["end"] == pytest.approx(end["expected"])
    assert end["expected"] == pytest.approx(0.1)


def test_an_audit_stays_within_the_trajectory():
    end = audited(case_steps=8, block_steps=4)
    assert end["end"] == pytest.approx(1e-2)


class Grid(NamedTuple):
    u: torch.Tensor


def engine(**more):
    """One that counts its calls, and notes for which case it is asked to show its state."""
    calls, asked = [], []
    made = Engine(
        name="counted",
        cases={"c": Case(steps=3)},
        initial=lambda case: Grid(torch.zeros(2)),
        stages=(Stage("counted", lambda case: lambda state: calls.append(case) or state),),
        observe=lambda case, state: asked.append(case.device) or state,
        **more,
    )
    return made, calls, asked


def test_a_cold_control_is_called_for_the_first_time_where_it_is_timed():
    made, calls, _ = engine()
    control = Control(made, made.cases["c"], made.initial(None), cold=True)
    assert calls == []
    control.restart()
    control.make(2)
    assert len(calls) == 2


def test_a_state_is_read_where_the_engine_works_and_copied_when_the_clock_has_stopped(monkeypatch):
    """On a GPU the copy takes longer than anything that could be put off until then."""
    monkeypatch.setattr("groundspeed.tools.timing.runners.device_of", lambda engine: "meta")
    made, _, asked = engine()
    read = Runner(made, made.cases["c"], made.initial(None))
    read.restart()
    state, took = read.read()
    assert asked == ["meta", "meta"], "once more for what an idle reading takes"
    assert set(took) == {"first", "again", "way"}
    assert state.u.device.type == "cpu"


class Lazy(torch.Tensor):
    """Has computed nothing before somebody copies it."""

    def to(self, *_):
        raise AssertionError("copied")


def test_what_is_no_plain_tensor_is_not_copied_for_it():
    made, _, _ = engine()
    read = Runner(made, made.cases["c"], made.initial(None))
    read.state = Grid(torch.zeros(2).as_subclass(Lazy))
    assert type(read.read()[0].u) is Lazy


def test_a_contender_that_raises_is_lost_with_its_author_s_line():
    path = discovery.folder("an_idea") / "implementation.py"
    scope = {}
    exec(compile("def make(steps):\n    return steps.nonsense", path, "exec"), scope)
    many, _ = rounds(8, 2, [], [])
    many.runners_by_name["an_idea"] = many.watched["an_idea"] = SimpleNamespace(make=scope["make"])
    assert many.block("an_idea") is None
    assert many.lost == {
        "an_idea": "AttributeError: 'int' object has no attribute 'nonsense' "
        "(optimizations/an_idea/implementation.py:2)"
    }
    assert list(many.runners_by_name) == ["baseline"]
