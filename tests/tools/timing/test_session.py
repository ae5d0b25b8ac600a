"""What a timing session keeps, repeats, throws away and refuses: with made-up processes."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from groundspeed.tools.cli import bench
from groundspeed.tools.process import Died
from groundspeed.tools.records import machine_load
from groundspeed.tools.records.conditions import conditions
from groundspeed.tools.records.machine_load import Beside
from groundspeed.tools.timing import aggregate, output_check, sanity, worker_client
from groundspeed.tools.timing import session as timing_session
from groundspeed.tools.timing.aggregate import CaseSamples
from groundspeed.tools.timing.worker_client import Times, follow

QUIET = Beside(busy=0.1, steal=0.0, others=0, load=0.1)
LOUD = Beside(busy=1.7, steal=0.0, others=3, load=2.0)


def row(ours: float = 0.5, control: float = 1.0, injected: float = 1.05, **changed) -> dict:
    """One process on one case: 40 rounds of a fast candidate called `idea`, and of `null`."""
    times = {"baseline": 1.0, "control": control, "injected": injected, "stream": 0.1}
    times |= {"idea": ours, "null": 1.0}
    rounds = [
        {k: [t * (1 + 1e-3 * (r * len(k) % 5))] * 2 for k, t in times.items()} for r in range(40)
    ]
    whole = {
        "case": "small",
        "steps": 20,
        "extra": 1,
        "length": 20,
        "rounds": rounds,
        "warm_up": rounds[0],
    }
    whole |= {"trails": {"idea": {}, "null": {}}, "stream_bytes": 300, "least_bytes": 100}
    whole |= {"first_call_s": {"baseline": 1.0, "idea": 2.0, "null": 1.0}, "lost": {}}
    whole |= {"peak_bytes": {"baseline": 10, "idea": 20, "null": 10}, "charged": {}}
    return whole | changed


def gather(*rows: dict, timer: str = "") -> CaseSamples:
    found = CaseSamples()
    for one in rows:
        found.add(aggregate.part(one, "idea"), timer)
    return found


def test_every_candidate_gets_its_own_part_of_shared_rounds():
    mine = aggregate.part(row(), "idea")
    assert set(mine["rounds"][0]) == {"baseline", "candidate", "control", "injected", "stream"}
    assert mine["beside"] == ["null"]
    assert mine["peak_bytes"] == {"baseline": 10, "candidate": 20}


def test_a_plain_speedup_is_named_with_both_widths_and_what_could_be_seen():
    timing = gather(row(), row(0.51), row(0.49)).timing(least=3)
    assert timing.word == "FASTER"
    assert timing.ratio == pytest.approx(0.5, rel=0.01)
    assert timing.between_width > timing.within_width > 0
    assert timing.smallest_seen > timing.least_effect >= 0.01
    assert (timing.pairs, timing.kind, timing.claimed) == (120, "everyday (3 processes)", False)
    assert timing.injected == pytest.approx(timing.injected_truth)


def test_one_process_is_no_interval_and_says_so_in_words():
    assert "could see" in bench.between(gather(row(), row(0.51), row(0.49)).timing(least=3))
    assert bench.between(gather(row()).timing(least=1)) == "one process says nothing of others"


def test_processes_that_were_too_slow_to_inject_anything_count_all_the_same():
    slow = row(extra=0)
    for found in slow["rounds"]:
        del found["injected"]
    longer = row(injected=1.1, steps=10)
    timing = gather(slow, row(), longer).timing(least=3)
    assert timing.injected_truth == pytest.approx(1.05)
    assert timing.injected == pytest.approx(1.05, rel=0.01)
    assert gather(slow).timing(least=1).injected is None


def test_sixteen_processes_make_a_published_number():
    assert gather(*[row()] * 16).timing(least=16).claimed
    assert not gather(*[row()] * 12).timing(least=8).claimed


@pytest.mark.parametrize("off", [{"control": 1.3}, {"injected": 1.4}])
def test_a_process_whose_controls_are_off_is_repeated_and_thrown_away(off):
    found = gather(row(), row(ours=0.9, **off), row())
    assert found.wants_more(least=3, most=5, precise=0.05)
    found.add(aggregate.part(row(), "idea"))
    assert not found.wants_more(least=3, most=5, precise=0.05)
    timing = found.timing(least=3)
    assert timing.ratio == pytest.approx(0.5, rel=0.01)
    assert (len(timing.discarded), timing.processes) == (1, 3)
    assert next(iter(off)) in timing.discarded[0].why


def test_memory_that_a_discarded_process_has_traced_is_known_all_the_same():
    found = gather(row(control=1.3), *[row(peak_bytes={})] * 3)
    assert found.timing(least=3).peak_bytes == {"baseline": 10, "candidate": 20}


@pytest.mark.parametrize(("ours", "word"), [(0.5, "FASTER"), (0.9, "INCONCLUSIVE")])
def test_controls_that_stay_off_widen_the_interval_and_no_more(ours, word):
    found = gather(*[row(ours, control=1.3)] * 5)
    assert not found.wants_more(least=3, most=5, precise=0.05)
    timing = found.timing(least=3)
    assert (timing.word, timing.processes) == (word, 5)
    assert timing.low < ours / 1.29
    assert timing.high > ours * 1.29
    assert "widened from" in timing.note
    assert "a control was off in 5 of 5 processes" in timing.note


def test_a_process_whose_timer_is_not_to_be_believed_never_makes_a_number():
    found = gather(row(), row(0.52))
    found.add(aggregate.part(row(0.01), "idea"), "rounds took too little")
    assert found.timing(least=3).ratio == pytest.approx(0.51, rel=0.01)


def late(ours: float, control: float) -> dict:
    """Rounds in which who comes after the baseline takes so many times longer."""
    found = row()
    for number, times in enumerate(found["rounds"]):
        for who, factor in (("idea", ours), ("control", control)):
            if number % 2:  # a round is in the order of its blocks
                times[who] = [t * factor for t in times[who]]
            else:
                times |= {"baseline": times.pop("baseline")}
    return found


def test_what_the_order_within_a_round_does_is_said_beside_the_control():
    timing = gather(*[late(1.2, 1.0)] * 3).timing(least=3)
    assert timing.order["candidate"] == pytest.approx(0.2, abs=0.01)
    assert timing.order["control"] is None
    assert "after the baseline it takes 20% longer; the control does not" in timing.note
    assert "the control takes 10% longer" in gather(*[late(1.2, 1.1)] * 3).timing(least=3).note
    assert "after the baseline" not in gather(*[late(1.005, 1.0)] * 3).timing(least=3).note


def test_a_control_is_weighed_against_the_effect_beside_it():
    assert len(gather(row(0.005, control=1.2)).kept) == 1
    assert len(gather(row(0.05, control=1.2)).kept) == 0
    assert len(gather(row(1.0, control=1.12)).kept) == 0
    assert len(gather(row(0.005, control=1.4)).kept) == 0


def test_processes_are_added_until_the_interval_is_narrow_or_the_most_are_spent():
    wide = [row(0.5 * (1 + 0.3 * (k % 2))) for k in range(10)]
    assert gather(*wide).wants_more(least=10, most=20, precise=0.05)
    assert not gather(*wide, *wide).wants_more(least=10, most=20, precise=0.05)
    assert not gather(*[row()] * 10).wants_more(least=10, most=20, precise=0.05)


def test_a_gain_by_the_wall_clock_alone_says_that_processor_time_disagrees():
    one = row()
    for found in one["rounds"]:
        found["idea"] = [0.5, 1.0]
    timing = gather(one, one, one).timing(least=3)
    assert timing.word == "INCONCLUSIVE"
    assert "does not confirm" in timing.note


def block(wall: float, **more: float) -> dict:
    return {"end": {"idea": [wall, wall]}} | more


def marks(*said: tuple[float, dict]):
    return list(follow(iter([(0.5, {"frozen": "small", "steps": 20}), *said, (9.0, row())])))[0]


def test_a_timer_that_tells_the_same_as_the_parent_is_believed():
    heard = marks(
        (0.9, {"fresh": "pass"}), (1.0, {"begin": "rounds"}), (1.61, block(0.6)),
        (2.0, {"begin": "idea"}), (2.0105, block(0.01, expected=0.009)),
    )  # fmt: skip
    assert heard.off("idea") == ""


@pytest.mark.parametrize(
    ("who", "worker_s", "parent_s", "expected_s"),
    [
        ("rounds", 0.3, 0.6, 0.0),  # it runs slow
        ("rounds", 0.9, 0.6, 0.0),  # it runs fast
        ("idea", 0.001, 0.05, 0.001),  # it stands still while the candidate runs
        ("idea", 0.2, 0.2, 0.01),  # it lied in the rounds and is honest in the audit
    ],
)
def test_a_timer_that_the_parents_clock_contradicts_is_caught(who, worker_s, parent_s, expected_s):
    more = {"expected": expected_s} if expected_s else {}
    end = 1.0 + parent_s, block(worker_s, **more)
    heard = marks((0.9, {"fresh": "pass"}), (1.0, {"begin": who}), end)
    assert who in heard.off("idea")


def test_a_slow_mark_alone_accuses_nobody():
    assert Times(worker_s=0.01, parent_s=0.014, marks=1, expected_s=0.01).agree


def audits(*took: tuple[float, float]):
    """What is heard of one contender, of which 0.02 s are expected: (worker's, parent's) times."""
    said, now = [], 1.0
    for worker_s, parent_s in took:
        end = now + parent_s, block(worker_s, expected=0.02)
        said += [(now, {"begin": "idea"}), end]
        now += 1.0
    return marks(*said)


@pytest.mark.parametrize("good", range(3))
def test_a_processor_that_was_taken_away_in_some_audits_accuses_nobody(good):
    took = [(0.2, 0.2), (0.02, 0.2), (0.16, 0.16)]
    took[good] = (0.021, 0.022)
    assert audits(*took).off("idea") == ""


def test_a_timer_that_lies_in_every_audit_is_caught():
    assert "idea" in audits((0.02, 0.06), (0.02, 0.06), (0.02, 0.06)).off("idea")
    assert "in the rounds before" in audits((0.2, 0.2), (0.21, 0.21), (0.2, 0.2)).off("idea")


def test_marks_of_rounds_add_up():
    heard = marks(
        (0.9, {"fresh": "pass"}), (1.0, {"begin": "rounds"}), (1.5, block(0.5)),
        (2.0, {"begin": "rounds"}), (2.5, block(0.25)),
    )  # fmt: skip
    assert "0.7500 s by its own timer, 1.0000 s by the parent's" in heard.off("idea")


def test_timers_off_in_most_processes_refuse_the_candidate():
    assert gather(row(), row(), timer="rounds took too little").tampered
    honest = gather(row(), row())
    honest.add(aggregate.part(row(), "idea"), "rounds took too little")
    assert honest.tampered == ""


def test_a_timer_is_judged_by_the_processes_in_which_it_was_audited():
    plain, audited = row(audited=False), row(audited=True)
    found = gather(*[plain] * 5, audited)
    found.add(aggregate.part(audited, "idea"), "idea took 0.01 s by its own timer")
    assert found.tampered == "", "one of two"
    found.add(aggregate.part(audited, "idea"), "idea took 0.01 s by its own timer")
    assert "not to be believed" in found.tampered, "two of three"


def session(monkeypatch, timed_cases_of, cases=("small",)) -> timing_session.Session:
    monkeypatch.setattr(timing_session, "timed_cases_of", timed_cases_of)
    worker = SimpleNamespace(lost=False, close=lambda: None)
    monkeypatch.setattr(timing_session.Session, "new_worker", lambda session: worker)
    monkeypatch.setattr(timing_session, "timed_cases", lambda verdict, full: list(cases))
    monkeypatch.setattr(sanity, "wrong_answers", lambda verdict, row, right: "")
    monkeypatch.setattr(timing_session, "right_answers", lambda *_: output_check.Answers())
    made = dict.fromkeys(("idea", "null"), SimpleNamespace(level="exact", engine="e_v1"))
    return timing_session.Session(made, False, timing_session.EVERYDAY, lambda line: None, {})


def test_one_that_kills_the_process_loses_only_its_own_number(monkeypatch):
    def timed_cases_of(worker, asked, isolated, audited):
        names = asked["cases"]["small"]
        if "idea" in names:
            raise Died("ended with -11: it said nothing")
        yield worker_client.TimedCase(row(trails={name: {} for name in names}), {})

    found = session(monkeypatch, timed_cases_of)
    found.run()
    assert "ended with -11" in found.refused["idea"]
    assert "null" not in found.refused
    assert len(found.rows["null", "small"].kept) == timing_session.PROCESSES


def test_one_that_raises_loses_only_its_own_number(monkeypatch):
    def timed_cases_of(worker, asked, isolated, audited):
        failed = {"idea": "ValueError: no"} if "idea" in asked["cases"]["small"] else {}
        yield worker_client.TimedCase(row(trails={"null": {}}, lost=failed), {})

    found = session(monkeypatch, timed_cases_of)
    found.run()
    assert "ValueError: no" in found.refused["idea"]
    assert len(found.rows["null", "small"].kept) == timing_session.PROCESSES


def test_a_death_costs_only_what_was_not_yet_told(monkeypatch):
    """Two cases: the first is told by all, in the second one candidate kills the process."""

    asked_for = []

    def timed_cases_of(worker, asked, isolated, audited):
        asked_for.append(list(asked["cases"]))
        for case, names in asked["cases"].items():
            if case == "large" and "idea" in names:
                raise Died("ended with -9: it said nothing")
            yield worker_client.TimedCase(row(case=case, trails={name: {} for name in names}), {})

    found = session(monkeypatch, timed_cases_of, ["small", "large"])
    found.run()
    assert "ended with -9" in found.refused["idea"]
    assert asked_for[:3] == [["small", "large"], ["large"], ["large"]]
    assert {case: len(found.rows["null", case].kept) for case in ("small", "large")} == {
        "small": timing_session.PROCESSES, "large": timing_session.PROCESSES,
    }  # fmt: skip


def test_what_a_worker_left_of_a_case_is_gone_before_the_next(monkeypatch):
    left = []

    def timed_cases_of(worker, asked, isolated, audited):
        for case, names in asked["cases"].items():
            folder = Path(asked["folder"])
            left.append(sorted(file.name for file in folder.iterdir()))
            (folder / case).write_text("a state")
            yield worker_client.TimedCase(row(case=case, trails={name: {} for name in names}), {})

    session(monkeypatch, timed_cases_of, ["small", "large"]).run()
    assert left == [[]] * 2 * timing_session.PROCESSES


def test_a_quiet_machine_is_not_waited_for():
    assert machine_load.wait_for_quiet(look=lambda: QUIET.model_copy()).waited_s == 0


def test_a_busy_machine_is_waited_for_and_a_loud_one_only_so_long():
    seen, said = iter([LOUD, LOUD, QUIET]), []
    now = iter(range(100))
    found = machine_load.wait_for_quiet(
        20, said.append, lambda: next(seen).model_copy(), lambda: float(next(now))
    )
    assert found.quiet
    assert len(said) == 2
    now = iter(range(0, 1000, 10))
    found = machine_load.wait_for_quiet(20, said.append, LOUD.model_copy, lambda: float(next(now)))
    assert not found.quiet
    assert "intervals will be wide" in said[-1]


def test_conditions_with_another_load_are_comparable():
    assert conditions(beside=LOUD).settings == conditions(beside=QUIET).settings


def test_records_of_a_case_survive_json():
    timing = gather(row(), row(), row()).timing(least=3)
    assert type(timing).model_validate(json.loads(timing.model_dump_json())) == timing


def test_large_states_share_rounds_by_as_many_as_memory_has_room_for(monkeypatch):
    due = {name: "an_engine" for name in "abcdefg"}
    monkeypatch.setattr(bench, "largest_start", lambda engine, full: (400 << 20) if full else 1)
    assert bench.groups(due) == [list("abcdefg")]
    assert sorted(map(len, bench.groups(due, full=True))) == [3, 4]
    assert sorted(sum(bench.groups(due, full=True), [])) == list("abcdefg")


def test_the_largest_start_is_of_the_timed_cases_that_are_asked_for():
    assert bench.largest_start("tensor_field_v1", full=False) < bench.STARTS_BYTES // bench.GROUP
    assert bench.largest_start("tensor_field_v1", full=True) == 3 * 8 * 128**2 * 32**2 + 3 * 8


def test_samples_hold_all_that_the_figures_are_computed_from():
    late = row(control=1.3)
    found = gather(row(), row(0.51), row(0.49), late)
    raw = json.loads(json.dumps(found.raw(3)))
    assert CaseSamples.of_raw(raw).timing(3) == found.timing(3)
    assert len(raw["off"]) == 1
