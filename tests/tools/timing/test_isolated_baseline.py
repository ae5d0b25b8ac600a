"""A candidate that slows the frozen engine is found out by the one that never met it."""

import gc
import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from groundspeed import baselines
from groundspeed.tools.records.conditions import ALLOCATOR, conditions
from groundspeed.tools.timing import output_check, runners, sanity, worker_client
from groundspeed.tools.timing import session as timing_session
from groundspeed.tools.timing.isolated_baseline import IsolatedBaseline
from groundspeed.tools.timing.isolated_baseline_worker import Turns, to_the_processor_of
from groundspeed.tools.timing.prepared_case import prepare
from groundspeed.validation.records import samples

LATTICE = "lattice_field_v1"


@pytest.fixture
def told(monkeypatch, tmp_path):
    """A case timed here with a witness whose process is this one too; the blocks of both."""
    made: dict[bool, list] = {True: [], False: []}
    make, here = runners.Runner.make, [False]

    def seen(self, steps):
        if type(self) is runners.Runner and self is not (turns.now and turns.now.warming):
            made[here[0]].append((self.engine, self.state.E.double().sum().item(), steps))
        return make(self, steps)

    monkeypatch.setattr(runners.Runner, "make", seen)
    isolated, turns = IsolatedBaseline(LATTICE), Turns(LATTICE)
    isolated.worker, before = os.getpid(), os.sched_getaffinity(0)
    monkeypatch.setattr(isolated, "ask", lambda said: turns.answer(json.loads(json.dumps(said))))
    candidate = baselines.load(LATTICE)

    heard = worker_client.Heard(isolated)

    def tell(said):
        here[0] = True
        answer = heard.hear(0.0, said)
        here[0] = False
        if "frozen" in said:
            made[True].clear()
            made[False].clear()
        return answer

    steps = candidate.cases["odd_2d"].steps // 2  # a pass is two rounds
    prepared = prepare({"idea": candidate}, "odd_2d", steps)
    prepared.measure(["idea"], 0, 0.0, tell, tmp_path, rounds=9, memory=False)
    os.sched_setaffinity(0, before)
    gc.enable()
    return made, isolated, heard


def test_it_makes_the_blocks_of_the_rounds_from_the_same_states(told):
    made, isolated, heard = told
    ours, theirs = made[True], made[False][2:]  # the round before the first is the warm-up
    assert len(ours) == len(isolated.own) >= 9
    starts = [block[1:] for block in ours]
    rounds = {tuple(block[1:]) for block in theirs}
    assert set(starts) <= rounds
    assert len(set(starts)) == len(starts), "each pass has a start of its own"
    assert len(isolated.end(heard.rounds)) == len(ours)


def pairs(ratio: float, count: int = 9) -> list[list[float]]:
    return [[ratio * (1 + 0.01 * (i % 3)), 1.0] for i in range(count)]


def processes(*ratios: float, count: int = 9) -> list[list[list[float]]]:
    return [pairs(ratio, count) for ratio in ratios]


def test_what_is_slowed_is_said_and_what_is_not_is_not():
    for one in (1.0, 0.8):
        assert sanity.slowing("small", processes(one, 1.01 * one, 0.99 * one)) == ""
    slow = processes(1.30, 1.31, 1.29)
    said = sanity.slowing("small", slow)
    assert "small: in its process the frozen engine takes 1.31 [1.2" in said
    by_processor_time = [[one[::-1] for one in pairs] for pairs in slow]
    assert sanity.slowing("small", by_processor_time)


def test_one_process_is_judged_by_its_rounds():
    assert sanity.slowing("small", processes(1.0)) == ""
    assert "takes 1.31 [1.3" in sanity.slowing("small", processes(1.3))


def test_a_process_that_fell_on_slow_memory_accuses_nobody():
    """Its rounds agree with one another, and those of the others do not with them."""
    assert sanity.slowing("small", processes(1.5, 1.5, 1.0, count=90)) == ""
    assert sanity.slowing("small", processes(1.5, 1.4, 1.3, count=90))


def test_only_the_processes_that_it_was_in_are_held_against_a_candidate(monkeypatch):
    found = session(monkeypatch, None)
    for seed in range(3):
        both = {"small": pairs(1.5 + 0.01 * seed)}
        found.isolated_pairs["guilty"].append(both)
        found.isolated_pairs["null"].append({"small": pairs(1.0)})
    assert set(found.slowed) == {"guilty"}


def test_each_block_starts_with_cold_caches():
    turns, order = Turns(LATTICE), []
    turns.begin({"frozen": "odd_2d", "steps": 2, "device": "cpu", "alone": False})
    turns.restart(seed=1)
    gc.enable()
    memory, block = turns.now.memory.make, turns.now.baseline.make
    turns.now.memory.make = lambda steps: order.append("memory") or memory(steps)
    turns.now.baseline.make = lambda steps: order.append("block") or block(steps)
    turns.block(), turns.block()
    assert order == ["memory", "block"] * 2
    assert turns.now.memory.bytes >= 1 << 26


def test_few_rounds_say_nothing():
    assert sanity.slowing("small", []) == ""
    assert sanity.slowing("small", [[], []]) == ""
    assert sanity.slowing("small", processes(2.0, count=sanity.WITNESSED - 1)) == ""
    assert sanity.slowing("small", processes(2.0, 2.0, count=sanity.WITNESSED // 2))


def test_it_goes_where_the_worker_last_ran():
    allowed = os.sched_getaffinity(0)
    busy = "import os; os.sched_setaffinity(0, {%d}); print(1, flush=True); input()"
    try:
        for processor in allowed:
            words = [sys.executable, "-c", busy % processor]
            with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
                worker.stdout.readline()
                to_the_processor_of(worker.pid)
                assert os.sched_getaffinity(0) == {processor}
                worker.communicate(b"\n")
    finally:
        os.sched_setaffinity(0, allowed)


def test_its_process_answers_with_the_same_steps_and_ends_when_it_is_closed():
    isolated = IsolatedBaseline(LATTICE)
    with closing(isolated):
        isolated.follow(os.getpid())
        process = isolated.process.process
        said = {"frozen": "odd_2d", "steps": 2, "device": "cpu"}
        isolated.begin(said | {"rounds": [3, 9]})
        isolated.restart(seed=1)
        for _ in range(9):
            isolated.round_over()
        environment = Path(f"/proc/{process.pid}/environ").read_text().split("\0")
    block = {"baseline": [1.0, 2.0]}
    found = isolated.end([block] * 9)
    assert 3 <= len(found) <= 9
    wall, processor = isolated.own[0]
    assert found[0] == pytest.approx([1 / wall, 2 / processor], rel=1e-3)
    assert process.poll() is not None
    for name, value in ALLOCATOR.items():
        assert f"{name}={value}" in environment, "the memory of the worker's own processes"


def test_one_that_ends_is_said_to_have_ended():
    with closing(IsolatedBaseline("no_such_engine")) as isolated:
        isolated.follow(os.getpid())
        with pytest.raises(
            RuntimeError, match="the isolated baseline of no_such_engine ended with 1"
        ):
            isolated.ask({})


def session(monkeypatch, timed_cases_of) -> timing_session.Session:
    monkeypatch.setattr(timing_session, "timed_cases_of", timed_cases_of)
    worker = SimpleNamespace(lost=False, close=lambda: None)
    monkeypatch.setattr(timing_session.Session, "new_worker", lambda session: worker)
    monkeypatch.setattr(timing_session, "timed_cases", lambda verdict, full: ["small"])
    monkeypatch.setattr(sanity, "wrong_answers", lambda verdict, row, right: "")
    monkeypatch.setattr(timing_session, "right_answers", lambda *_: output_check.Answers())
    made = dict.fromkeys(("guilty", "null"), SimpleNamespace(level="exact", engine="e_v1"))
    return timing_session.Session(made, False, timing_session.EVERYDAY, lambda line: None, {})


def test_who_was_in_one_process_with_the_guilty_is_timed_without_it(monkeypatch, tmp_path):
    def timed_cases_of(worker, asked, isolated, audited):
        names = asked["cases"]["small"]
        block = {name: [1e-3, 1e-3] for name in ("baseline", "control", "stream", *names)}
        row = {
            "case": "small", "steps": 1, "extra": 0, "stream_bytes": 1, "least_bytes": None,
            "rounds": [block] * 9, "warm_up": block, "lost": {},
            "trails": {name: {} for name in names}, "charged": {},
            "first_call_s": dict.fromkeys(("baseline", *names), 1.0),
            "peak_bytes": dict.fromkeys(("baseline", *names), 1),
        }  # fmt: skip
        slow = 1.5 if "guilty" in names else 1.0
        seen = pairs(slow * (1 + 0.01 * asked["seed"])) if isolated else []
        assert bool(isolated) == audited
        yield worker_client.TimedCase(row, {}, seen)

    monkeypatch.setattr(samples, "FOLDER", tmp_path)
    found, kept = session(monkeypatch, timed_cases_of), []
    monkeypatch.setattr(
        timing_session, "Measurement", lambda **words: kept.append(words["optimization"]) or words
    )
    for verdict in found.verdicts.values():
        verdict.code = verdict.baseline = ""
    found.run()
    assert set(found.slowed) == {"guilty", "null"}
    assert dict(found.found(conditions())) == {}
    said = []
    found.tell = said.append
    alone = timing_session.apart(found, conditions())
    assert any(
        "null once more, without the others of its process: small: in" in line for line in said
    )
    assert (list(alone), kept) == (["null"], ["null"])
    assert "guilty/small: in its process the frozen engine takes 1.5" in found.refused["guilty"]
    kept = samples.load(alone["null"]["samples"])["cases"]["small"]
    followed = sorted(len(own) for own in kept["beside"])
    rest = timing_session.PROCESSES - timing_session.AUDITED
    assert followed == [0] * rest + [9] * timing_session.AUDITED


@pytest.mark.long
def test_a_null_that_slows_the_frozen_engine_gets_no_number(scratch):
    """Right to the bit in every call, and many times as fast as what it slows."""
    scratch.only("lattice_field_null", ("packet_64",))
    scratch.plant(
        "lattice_field_null",
        "import dataclasses, torch\n"
        "roll = torch.roll\n"
        "def slow(*given, **named):\n"
        "    return [roll(*given, **named) for _ in range(30)][0]\n"
        "def cheat(case):\n"
        "    step = right.prepare(case)\n"
        "    def run(state):\n"
        "        torch.roll = roll\n"
        "        try:\n"
        "            return step(state)\n"
        "        finally:\n"
        "            torch.roll = slow\n"
        "    return run\n"
        "engine = dataclasses.replace(right, stepper=cheat)\n",
    )
    scratch.commit()
    assert scratch.run("validate", "lattice_field_null").returncode == 0
    done = scratch.run("bench", "lattice_field_null", "--processes", "2")
    assert done.returncode == 1, done.stdout
    assert "in its process the frozen engine takes" in done.stdout
