"""No phase is unwatched: what behaves only while it is judged is caught while it is timed."""

import inspect
import itertools
import json
import re
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from baselines.engine import clone
from baselines.lattice_field_v1 import engine as right
from tools.timing import aggregate, interleaved, output_check, runners, sanity, session, worker
from tools.timing.fingerprints import WrongAnswer, bit_sum, compare_fingerprints, fingerprint
from validation.judge.verdicts import CaseSummary, Status, Summary
from validation.tiers import Coverage

CASE = "odd_2d"


FIXED = (20, 8)  # blocks of eight steps, however busy the machine is; a pass has forty


def verdict(level="exact"):
    return Summary(optimization="it", engine=right.name, level=level, because="it", reason="",
                   expected="verified", status=Status.VERIFIED, protocol=1,
                   coverage=Coverage.EVERYDAY,
                   cases={CASE: CaseSummary()})  # fmt: skip


def timed(tmp_path, wrap, level="exact", **others):
    """The row that the timing process would print for a candidate whose step is wrapped."""

    def stepper(case):
        return wrap(right.prepare(case), case)

    candidate = replace(right, stepper=stepper, **others)
    words = ({"it": candidate}, CASE, 3, 0.0, lambda said: None, level, tmp_path, FIXED)
    return json.loads(json.dumps(worker.measure_case(*words)))


def refusal(row, level="exact"):
    """What the clock says of that row."""
    right_answers = session.right_answers(right.name, row, level, {})
    own = aggregate.part(row, "it")
    wrong = sanity.wrong_answers(verdict(level), own, right_answers)
    return wrong or sanity.work_put_off("it", CASE, [own])


def spoiled(state):
    return state._replace(E=state.E * (1 + 1e-9))


def counting(step, case):
    calls = itertools.count()
    return lambda state: spoiled(step(state)) if next(calls) % 64 == 40 else step(state)


def on_the_stack(step, case):
    def inner(state):
        files = [frame.filename for frame in inspect.stack(0)]
        return state if any("timing/worker" in f for f in files) else step(state)

    return inner


def by_module(step, case):
    return lambda state: (
        spoiled(step(state)) if "tools.timing.worker" in sys.modules else step(state)
    )


def remembered(key):
    """Later calls with a known key get the old answer."""

    def wrap(step, case):
        known = {}

        def inner(state):
            if key(state) not in known:
                known[key(state)] = step(state), state
            return clone(known[key(state)][0])

        return inner

    return wrap


def skipping(step, case):
    calls = itertools.count()
    return lambda state: state if next(calls) % 9 == 8 else step(state)


class Lazy(torch.Tensor):
    """Not computed until somebody looks."""


def lazy(step, case):
    def inner(state):
        after = step(state)
        return after._replace(E=after.E.as_subclass(Lazy))

    return inner


def threads(step, case):
    calls = itertools.count()

    def inner(state):
        if next(calls) == 9:
            torch.set_num_threads(2)
        return step(state)

    return inner


CHEATS = {
    "wrong on some calls": (counting, "off after"),
    "looks at the call stack": (on_the_stack, "off after"),
    "looks for the clock's module": (by_module, "off after"),
    "remembers by shape": (remembered(lambda s: s.E.shape), "off after"),
    "remembers by value rounded": (
        remembered(lambda s: [round(float(x), 9) for x in s.E[7, 3:9]].__repr__()),
        "off after",
    ),
    "skips every ninth step": (skipping, "off after"),
    "gives a lazy tensor": (lazy, "Lazy after"),
    "changes the number of threads": (threads, "number of threads"),
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_candidate_that_cheats_while_timed_is_refused(tmp_path, name):
    wrap, reason = CHEATS[name]
    row = timed(tmp_path, wrap)
    torch.set_num_threads(1)
    assert reason in refusal(row)


@pytest.mark.parametrize("level", ["exact", "rounding"])
def test_an_honest_candidate_is_not_refused(tmp_path, level):
    row = timed(tmp_path, lambda step, case: step, level)
    assert refusal(row, level) == ""
    trail = row["trails"]["it"]
    assert sum(len(blocks) for blocks in trail["passes"]) == len(row["rounds"])
    assert len(trail["whole"]) == 2
    assert trail["whole"][0][:2] == [len(trail["passes"]) - 1, trail["passes"][-1][-1][0]]


def test_a_block_that_is_random_and_last_is_kept_once(tmp_path):
    start = right.initial(right.cases[CASE])
    trail = interleaved.Watched(runners.Runner(right, right.cases[CASE], start), None)
    trail.begin()
    trail.draw = SimpleNamespace(random=lambda: 0.9)
    trail.note(8)
    drawn = trail.kept[0, 8]
    trail.end()
    assert trail.kept == {(0, 8): drawn}
    assert len(trail.save(tmp_path / CASE)["whole"]) == 1
    assert len(list(tmp_path.iterdir())) == 1
    trail.begin()
    trail.draw = SimpleNamespace(random=lambda: 0.4)
    trail.note(8)
    trail.draw = SimpleNamespace(random=lambda: 0.9)
    trail.note(16)
    trail.end()
    last, drawn = trail.save(tmp_path / CASE)["whole"]
    assert (last[:2], drawn[:2]) == ((1, 16), (1, 8))
    assert last[2] != drawn[2]


def test_work_put_off_until_the_clock_has_stopped_is_refused(tmp_path):
    """The step only counts; reading the state makes the steps."""
    steps = {}

    def adopt(case, state):
        return [state, 0]

    def later(step, case):
        steps["it"] = step

        def count(pair):
            pair[1] += 1
            return pair

        return count

    def observe(case, pair):
        for _ in range(pair[1]):
            pair[0] = steps["it"](pair[0])
        pair[1] = 0
        return pair[0]

    row = timed(tmp_path, later, adopt=adopt, observe=observe)
    assert "put off until the clock has stopped" in refusal(row)


def reading(*excess: float) -> list[dict]:
    """Processes in which reading takes so much longer; 0.5 s are allowed."""
    rounds = [{"baseline": [2.0, 2.0], "candidate": [0.1, 0.1]}]
    return [{"observing_s": s, "steps": 1, "rounds": rounds} for s in excess]


def test_one_process_of_three_in_which_reading_took_long_accuses_nobody():
    assert sanity.work_put_off("it", CASE, reading(0.4, 0.64, 0.3)) == ""
    said = sanity.work_put_off("it", CASE, reading(0.6, 0.64, 0.3))
    assert re.search(r"takes 0.6 s longer .* allowed 0.5 s", said)
    assert "takes 0.6 s longer" in sanity.work_put_off("it", CASE, reading(0.6))
    assert sanity.work_put_off("it", CASE, []) == ""


def test_each_pass_starts_from_fresh_values_and_addresses():
    start = right.initial(right.cases[CASE])
    passes = [runners.start_of_pass(right, start, "exact", n) for n in range(4)]
    assert len({bit_sum(p.E.reshape(-1)) for p in passes}) == 4
    assert len({p.E.data_ptr() for p in passes}) == 4
    for fresh in passes:
        assert (fresh.E - start.E).abs().max() <= 2.3e-16
        assert torch.equal(fresh.chi, start.chi)


def test_one_wrong_cell_that_a_fingerprint_overlooks_is_found_whole():
    """Two cells off by opposite bits: the sums agree, the whole state does not."""
    want = right.initial(right.cases[CASE])
    got = clone(want)
    bits = got.E.view(-1).view(torch.int64)
    bits[1] += 1
    bits[2] -= 1
    compare_fingerprints(fingerprint(got), fingerprint(want), {}, {}, 1)
    with pytest.raises(WrongAnswer, match="E was"):
        output_check.compare_states(dict(got._asdict()), want, {}, {}, 1)


def rows(candidate_s, moved=1.0, stride=1):
    once = {"baseline": [1.0, 1.0], "candidate": [candidate_s] * 2, "stream": [1e-3] * 2}
    return [{"rounds": [once] * 3, "stream_bytes": 3e6, "least_bytes": 3e6, "moved": moved,
             "stride": stride}] * 3  # fmt: skip


def test_a_speed_above_the_stream_is_refused_as_impossible():
    assert "no step can do that" in sanity.impossible_speed("it", CASE, rows(1e-4))
    assert sanity.impossible_speed("it", CASE, rows(9e-4)) == ""


def test_temporal_blocking_and_fields_at_rest_are_not_impossible():
    assert sanity.impossible_speed("it", CASE, rows(2e-4, stride=4)) == ""
    assert sanity.impossible_speed("it", CASE, rows(1e-4, moved=0.05)) == ""
    assert "no step can do that" in sanity.impossible_speed("it", CASE, rows(1e-5, moved=0.05))


def test_the_frozen_engine_runs_once_over_passes_that_are_asked_for_again(monkeypatch):
    calls = itertools.count()

    def stepper(case):
        step = right.prepare(case)
        return lambda state: (next(calls), step(state))[1]

    run = output_check.Replays(replace(right, stepper=stepper), CASE, "exact")
    one, two = (list(run.states(1, [8, 16])) for _ in range(2))
    assert next(calls) == 16
    assert fingerprint(one[-1]) == fingerprint(two[-1])
    assert fingerprint(one[0]) != fingerprint(one[-1])
    monkeypatch.setattr(run, "room", 0)
    for _ in range(2):
        list(run.states(2, [8]))
    assert next(calls) == 17 + 16
